"""Training of the lesion networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.cards import Normalisation
from inference.lesions import LESIONS
from inference.networks import NetworkSpec, build
from inference.networks.spec import lesion_probabilities
from inference.preprocessing import normalise, resize_square
from inference.tiling import MIRRORS
from training import losses
from training.config import ConfigError, TrainingConfig
from training.datasets.selection import squares_of
from training.datasets.squares import Square
from training.lesion_teaching import load_teacher
from training.loop import Batch, train
from training.metrics.scores import ScoreHistogram
from training.pictures import PANELS, LesionPanel, draw_lesions
from training.precision import mixed_precision
from training.pretrained import initialise
from training.runs import RunFolder
from training.sampling import CropDataset


class Teacher:
    """A trained network that answers for a student's crops, at the scale that it was trained for."""

    def __init__(self, student: TrainingConfig) -> None:
        weights = load_teacher(student)
        if student.network.head != "multilabel" or len(weights.card.lesions) != len(LESIONS):
            raise ConfigError(
                "distillation.teacher: teacher and student must outline all lesions, the student as multilabel"
            )
        self.card, self.network = weights.card, weights.network.requires_grad_(False)
        stride = self.card.network.stride
        self.side = round(student.input.picture * self.card.input_size / student.input.size / stride) * stride
        self._from, self._to = student.input.normalisation, self.card.normalisation
        self._mirrored = MIRRORS if student.distillation.flips else MIRRORS[:1]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Probabilities ``N x 4 x crop x crop`` of a student's normalised crops, and the encoder's features."""
        crop = images.shape[-1]
        self.network.to(images.device)
        resized = functional.interpolate(images.float(), size=(self.side, self.side), mode="bilinear", antialias=True)
        pixels = renormalise(resized, self._from, self._to)
        answers = [self._answer(pixels.flip(axes)) for axes in self._mirrored]
        probability = torch.stack([own.flip(axes) for (own, _), axes in zip(answers, self._mirrored, strict=True)])
        taught = functional.interpolate(probability.mean(0), size=(crop, crop), mode="bilinear", antialias=True)
        return taught, answers[0][1]

    def _answer(self, pixels: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = self.network.encoder(pixels)  # type: ignore[operator]
        logits = self.network.segmentation_head(self.network.decoder(features)).float()  # type: ignore[operator]
        return logits.softmax(1)[:, 1:] if self.card.network.head == "softmax" else logits.sigmoid(), features


def renormalise(images: Tensor, old: Normalisation, new: Normalisation) -> Tensor:
    """Carry normalised images from one normalisation to another."""
    old_mean, old_std, new_mean, new_std = (
        images.new_tensor(values).view(1, 3, 1, 1) for values in (old.mean, old.std, new.mean, new.std)
    )
    return (images * (old_std / new_std) + (old_mean - new_mean) / new_std).contiguous(
        memory_format=torch.channels_last
    )


class TaughtSegmenter(nn.Module):
    """A lesion network with extra heads that say its teacher's encoder features; they are dropped at export."""

    def __init__(self, student: nn.Module, teacher: nn.Module) -> None:
        super().__init__()
        self.student = student
        own, taught = (list(n.encoder.out_channels) for n in (student, teacher))  # type: ignore[union-attr,arg-type]
        # The teacher's features at the strides that the student has too, 4 and coarser.
        self.heads = nn.ModuleList(nn.Conv2d(own[i], taught[i], 1) for i in range(2, len(own)))

    def forward(self, image: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.student(image)
        return logits

    def with_features(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits, and what the extra heads say from stride 4 on."""
        features = self.student.encoder(image)  # type: ignore[operator]
        logits = self.student.segmentation_head(self.student.decoder(features))  # type: ignore[operator]
        return logits, [head(own) for head, own in zip(self.heads, features[2:], strict=True)]


class SegmentationTask:
    """Loss and validation of a lesion network."""

    def __init__(self, config: TrainingConfig, validation: Sequence[Square], teacher: Teacher | None) -> None:
        self.config = config
        self.validation = validation
        self.teacher = teacher
        self.truth_loss = losses.segmentation_loss(config.loss.name, config.network.head)
        self.channels = [channel for channel, lesion in enumerate(LESIONS) if lesion in config.network.lesions]

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Loss against the truth where there is one, and against the teacher if there is a teacher."""
        if isinstance(network, TaughtSegmenter):
            logits, features = network.with_features(batch["image"])
        else:
            logits, features = network(batch["image"]), []
        teacher, lesson = (None, []) if self.teacher is None else self.teacher(batch["image"])
        with torch.autocast(logits.device.type, enabled=False):
            logits = logits.float()
            known = batch["labelled"] > 0
            total = logits.sum() * 0.0
            if known.any():
                total = total + self.truth_loss(logits[known], batch["target"][known][:, self.channels])
            if teacher is not None:
                total = total + self.config.distillation.weight * losses.distillation(logits, teacher)
            for own, taught in zip(features, lesson[2 : 2 + len(features)], strict=True):
                total = total + self.config.distillation.feature_weight * losses.feature_distance(own, taught)
            return total

    def validate(self, network: nn.Module, pictures: Path | None = None) -> dict[str, float]:
        """AP, and best pooled Dice with its IoU, per lesion, at training scale inside the field of view.

        ``score`` is mean AP. ``pictures`` shows what is found at a probability of .5.
        """
        spec, settings = self.config.network, self.config.input
        histograms = {lesion: ScoreHistogram() for lesion in spec.lesions}
        panels: list[LesionPanel] = []
        for square in self.validation:
            probability = predict_square(network, spec, square, settings.size, settings.normalisation)
            assert square.bits is not None  # noqa: S101 - validation photographs are outlined ones
            truth = {lesion: (square.bits >> LESIONS.index(lesion)) & 1 > 0 for lesion in histograms}
            found = dict(zip(spec.lesions, probability, strict=True))
            for lesion, histogram in histograms.items():
                histogram.add(found[lesion][square.inside], truth[lesion][square.inside])
            if len(panels) < PANELS:
                at_half = {lesion: (own > 0.5) & square.inside for lesion, own in found.items()}
                panels.append(LesionPanel(square.record.image.stem, square.rgb, truth, at_half))
        if pictures is not None:
            draw_lesions(panels, pictures)
        figures = {f"ap/{lesion}": h.average_precision() for lesion, h in histograms.items()}
        figures["score"] = float(np.nanmean(list(figures.values())))
        for lesion, histogram in histograms.items():
            dice = histogram.best_dice()[1]
            figures |= {f"dice/{lesion}": dice, f"iou/{lesion}": dice / (2 - dice)}
        return figures


@torch.no_grad()
def predict_square(
    network: nn.Module, spec: NetworkSpec, square: Square, size: int, normalisation: Normalisation
) -> NDArray[np.float32]:
    """Probabilities of a whole photograph: ``C x side x side`` float32 at the square's own side."""
    image = normalise(resize_square(square.rgb, size), normalisation.mean, normalisation.std)
    batch = torch.from_numpy(image)[None].contiguous(memory_format=torch.channels_last)
    device = next(network.parameters()).device
    with mixed_precision(device):
        logits = network(batch.to(device))
    probability = lesion_probabilities(logits[0].float().cpu().numpy(), spec)
    if square.side == size:
        return probability
    whole = functional.interpolate(
        torch.from_numpy(probability)[None], size=(square.side, square.side), mode="bilinear"
    )
    return whole[0].numpy()


def train_segmentation(config: TrainingConfig, config_file: Path, run_path: Path) -> RunFolder:
    """Train, or continue to train, the network that ``config`` describes, in the folder ``run_path``."""
    torch.manual_seed(config.seed)
    run = RunFolder(run_path, config_file, Path(config.data.manifest))
    network = build(config.network)
    expect_background(network, config.network)
    if not run.checkpoint.is_file():
        initialise(network, config)
    teacher = Teacher(config) if config.distillation.teacher else None
    if teacher is not None and config.distillation.feature_weight:
        network = TaughtSegmenter(network, teacher.network)

    def squares(sources: Sequence[str], split: str) -> list[Square]:
        return squares_of(config, sources, split, config.input.size, run_path.parent / "cache")

    task = SegmentationTask(config, _outlined(squares(config.data.labelled, "val")), teacher)
    dataset = CropDataset(
        config,
        _outlined(squares(config.data.labelled, "train")),
        squares(config.data.negatives, "train"),
        squares(config.data.unlabelled, "train"),
    )
    train(config=config, network=network, dataset=dataset, task=task, run=run)
    return run


def _outlined(squares: list[Square]) -> list[Square]:
    if not squares:
        raise ConfigError("data.labelled: name a data set whose lesions are outlined")
    if strange := {square.record.source for square in squares if square.bits is None}:
        raise ConfigError(f"data.labelled: nobody outlined the lesions of {', '.join(sorted(strange))}")
    return squares


@torch.no_grad()
def expect_background(network: nn.Module, spec: NetworkSpec) -> None:
    """Start from the belief that a pixel is no lesion (probability .02, the prior of Lin et al. 2017)."""
    bias = network.segmentation_head[0].bias  # type: ignore[union-attr,index]
    nn.init.constant_(bias, -4.0)
    if spec.head == "softmax":
        nn.init.constant_(bias[:1], 0.0)  # background

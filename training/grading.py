"""Training of the grader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import albumentations as albu
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from inference.field_of_view import Rgb
from inference.networks import build
from inference.networks.spec import GRADES, NetworkSpec
from inference.preprocessing import normalise, resize_square
from training import losses
from training.config import ConfigError, TrainingConfig
from training.datasets.selection import squares_of
from training.datasets.squares import Square
from training.lesion_teaching import COARSE, Standardiser, channels_of, lessons, load_teacher
from training.loop import Batch, train
from training.metrics.grades import GRADES as _GRADES
from training.metrics.grades import (
    auc,
    confusion,
    fit_temperature,
    macro_auc,
    quadratic_kappa,
    referable_score,
    softmax,
)
from training.pictures import GradePanel, draw_grades
from training.precision import mixed_precision
from training.pretrained import initialise
from training.runs import RunFolder
from training.transforms import seed_grading

assert GRADES == _GRADES  # noqa: S101 - one number, two layers

_FREE_ROTATION_SHARE = 0.4
# Photographs are cached at up to this side, the one of the lesion network, so that both share the cache.
SQUARE_SIDE = 1152


class GradingDataset(Dataset[Batch]):
    """Whole photographs, a pure function of (seed, index).

    An item: ``image`` ``3 x S x S``; ``grade`` (0 ... 4, or -1 where unknown); ``lesson`` ``C x 24 x 24`` and
    ``taught`` (1.0 where the lesson fits the picture as it was turned).
    """

    def __init__(
        self, config: TrainingConfig, squares: Sequence[Square], teaching: Sequence[NDArray[np.float16]] | None
    ) -> None:
        self.config = config
        self.squares = list(squares)
        self.teaching = teaching
        self.photometric = albu.Compose(
            [
                albu.ColorJitter(
                    brightness=(0.75, 1.25), contrast=(0.75, 1.25), saturation=(0.75, 1.25), hue=(-0.03, 0.03), p=0.9
                ),
                albu.OneOf(
                    [albu.GaussianBlur(blur_limit=(3, 3), p=1), albu.GaussNoise(std_range=(0.01, 0.03), p=1)], p=0.2
                ),
            ]
        )
        grades = np.array([-1 if s.record.grade is None else s.record.grade for s in self.squares])
        self.graded = np.flatnonzero(grades >= 0)
        self.ungraded = np.flatnonzero(grades < 0)
        counts = np.bincount(grades[self.graded], minlength=GRADES).astype(float)
        weight = (1 / np.maximum(counts, 1) ** config.data.balance)[grades[self.graded]]
        self.chances = weight / weight.sum()

    def __len__(self) -> int:
        return self.config.budget.steps * self.config.optimiser.batch

    def __getitem__(self, index: int) -> Batch:
        randomness = np.random.default_rng((self.config.seed, index))
        if len(self.ungraded) and randomness.random() < self.config.data.unlabelled_share:
            which = int(randomness.choice(self.ungraded))
        else:
            which = int(randomness.choice(self.graded, p=self.chances))
        square = self.squares[which]
        if self.config.input.transforms == "seed":
            image = seed_grading(square.rgb, self.config.input.size, int(randomness.integers(2**31)))
            lesson, taught = None, False
        else:
            image, lesson, taught = self._vary(which, randomness)
        norm = self.config.input.normalisation
        item = {
            "image": torch.from_numpy(normalise(image, norm.mean, norm.std)),
            "grade": torch.tensor(-1 if square.record.grade is None else square.record.grade),
            "taught": torch.tensor(float(taught)),
        }
        if lesson is not None:
            item["lesson"] = torch.from_numpy(lesson)
        return item

    def _vary(self, which: int, randomness: np.random.Generator) -> tuple[Rgb, NDArray[np.float32] | None, bool]:
        """The photograph turned and varied in colour, its lesson, and whether that was turned with it."""
        square = self.squares[which]
        image: Rgb = resize_square(square.rgb, self.config.input.size)
        lesson = None if self.teaching is None else np.asarray(self.teaching[which], np.float32)
        taught = lesson is not None
        quarter, flip = int(randomness.integers(4)), bool(randomness.random() < 0.5)
        image = np.rot90(image, quarter)
        image = np.ascontiguousarray(image[:, ::-1] if flip else image)
        if lesson is not None:
            lesson = np.rot90(lesson, quarter, axes=(1, 2))
            lesson = np.ascontiguousarray(lesson[:, :, ::-1] if flip else lesson)
        if square.record.grade is not None and randomness.random() < _FREE_ROTATION_SHARE:
            image, taught = self._turn(image, randomness), False
        self.photometric.set_random_seed(int(randomness.integers(2**31)))
        return self.photometric(image=image)["image"], lesson, taught

    def _turn(self, image: NDArray[np.uint8], randomness: np.random.Generator) -> NDArray[np.uint8]:
        size = image.shape[0]
        low, high = self.config.input.scale
        matrix = cv2.getRotationMatrix2D(
            (size / 2, size / 2), float(randomness.uniform(0, 360)), float(randomness.uniform(low, high))
        )
        return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)  # type: ignore[return-value]


class TaughtGrader(nn.Module):
    """ResNet50 with extra heads at strides 16 and 32 for the lesson; they are dropped at export."""

    def __init__(self, spec: NetworkSpec, fine: int, coarse: int) -> None:
        super().__init__()
        self.student = build(spec)
        self.lesion_head = nn.Conv2d(1024, 4, 1)
        nn.init.constant_(self.lesion_head.bias, -4.0)  # type: ignore[arg-type]
        self.fine_head = nn.Conv2d(1024, fine, 1) if fine else None
        self.coarse_head = nn.Conv2d(2048, coarse, 1) if coarse else None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Grade logits, and the features at stride 16 and 32."""
        g = self.student
        x = g.maxpool(g.relu(g.bn1(g.conv1(image))))  # type: ignore[operator]
        fine = g.layer3(g.layer2(g.layer1(x)))  # type: ignore[operator]
        coarse = g.layer4(fine)  # type: ignore[operator]
        return g.fc(g.avgpool(coarse).flatten(1)), fine, coarse  # type: ignore[operator]


class GradingTask:
    """Grade loss plus lessons; validation on graded photographs."""

    def __init__(self, config: TrainingConfig, validation: Sequence[Square], standardise: Standardiser | None) -> None:
        self.config = config
        self.validation = validation
        self.standardise = standardise

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy of the grades, plus what the teacher says."""
        logits, fine, coarse = network(batch["image"])
        lesion = network.lesion_head(fine) if "lesson" in batch else None  # type: ignore[operator]
        features = (network.fine_head(fine), network.coarse_head(coarse)) if "lesson" in batch else None  # type: ignore[operator]
        with torch.autocast(logits.device.type, enabled=False):
            total = logits.float().sum() * 0.0
            known = batch["grade"] >= 0
            if known.any():
                total = total + grade_loss(logits.float()[known], batch["grade"][known], self.config)
            taught = batch["taught"] > 0
            if lesion is None or features is None or self.standardise is None or not taught.any():
                return total
            lesson = batch["lesson"][taught]
            side = features[0].shape[-1]
            wanted = self.standardise(lesson[:, 4:])
            split = features[0].shape[1]
            dense = losses.distillation(lesion.float()[taught], _fit(lesson[:, :4].clamp(0, 1), side))
            dense = dense + functional.mse_loss(features[0].float()[taught], _fit(wanted[:, :split], side))
            deep = functional.avg_pool2d(wanted[:, split:], lesson.shape[-1] // COARSE)
            dense = dense + functional.mse_loss(features[1].float()[taught], _fit(deep, features[1].shape[-1]))
            return total + self.config.distillation.weight * dense

    def validate(self, network: nn.Module, pictures: Path | None = None) -> dict[str, float]:
        """Referable AUC (the ``score``, with macro AUC), kappa, accuracy and log loss after temperature scaling."""
        logits = grade_logits(network, self.validation, self.config)
        truth = np.array([square.record.grade for square in self.validation])
        probability = softmax(logits, fit_temperature(logits, truth)) if logits.shape[1] == GRADES else _ordinal(logits)
        predicted = probability.argmax(1)
        if pictures is not None:
            draw_grades(self._panels(probability), confusion(truth, predicted), pictures)
        referable = auc(truth >= 2, referable_score(probability))
        figures = {
            "referable_auc": referable,
            "macro_auc": macro_auc(truth, probability),
            "kappa": quadratic_kappa(truth, predicted),
            "accuracy": float((predicted == truth).mean()),
            "log_loss": float(-np.log(np.maximum(probability[np.arange(len(truth)), truth], 1e-9)).mean()),
        }
        # One AUC of 38 referable eyes is a noisy guide: the mean of both, and calibration.
        figures["score"] = 0.5 * (referable + figures["macro_auc"]) - 0.1 * figures["log_loss"]
        return figures

    def _panels(self, probability: NDArray[np.floating]) -> list[GradePanel]:
        """The first photograph of each grade."""
        grades = [square.record.grade for square in self.validation]
        first = {grade: grades.index(grade) for grade in grades if grade is not None}
        return [
            GradePanel(self.validation[i].record.image.stem, self.validation[i].rgb, grade, probability[i])
            for grade, i in sorted(first.items())
        ]


def grade_loss(logits: Tensor, grade: Tensor, config: TrainingConfig) -> Tensor:
    """Cross-entropy, or for the ordinal head BCE of "the grade is above k"."""
    if config.network.head == "ordinal":
        above = (grade[:, None] > torch.arange(GRADES - 1, device=grade.device)).float()
        return functional.binary_cross_entropy_with_logits(logits, above)
    return functional.cross_entropy(logits, grade, label_smoothing=config.loss.label_smoothing)


@torch.no_grad()
def grade_logits(network: nn.Module, squares: Sequence[Square], config: TrainingConfig) -> NDArray[np.float32]:
    """Raw outputs ``N x 5`` (or ``N x 4`` of the ordinal head)."""
    norm, device = config.input.normalisation, next(network.parameters()).device
    rows = []
    for start in range(0, len(squares), 8):
        images = [resize_square(square.rgb, config.input.size) for square in squares[start : start + 8]]
        batch = torch.from_numpy(np.stack([normalise(image, norm.mean, norm.std) for image in images]))
        with mixed_precision(device):
            output = network(batch.to(device).contiguous(memory_format=torch.channels_last))
        rows.append((output[0] if isinstance(output, tuple) else output).float().cpu().numpy())
    return np.concatenate(rows)


def _fit(maps: Tensor, side: int) -> Tensor:
    return maps if maps.shape[-1] == side else functional.interpolate(maps, size=(side, side), mode="bilinear")


def _ordinal(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    from inference.networks.spec import grade_probabilities

    spec = NetworkSpec("resnet50", "resnet50", head="ordinal")
    return np.stack([grade_probabilities(row, spec) for row in logits]).astype(np.float64)


def train_grading(config: TrainingConfig, config_file: Path, run_path: Path) -> RunFolder:
    """Train, or continue to train, the grader that ``config`` describes, in the folder ``run_path``."""
    if config.network.architecture != "resnet50":
        raise ConfigError(f"network.architecture: {config.network.architecture} is not trained by train_grading")
    torch.manual_seed(config.seed)
    run = RunFolder(run_path, config_file, Path(config.data.manifest))
    cache = run_path.parent / "cache"

    def squares(sources: Sequence[str], split: str) -> list[Square]:
        return squares_of(config, sources, split, SQUARE_SIDE, cache)

    validation = _graded(squares(config.data.labelled, "val"))
    photographs = _graded(squares(config.data.labelled, "train")) + squares(config.data.unlabelled, "train")
    teaching, standardise, fine, coarse = None, None, 0, 0
    if config.distillation.teacher:
        if config.input.transforms == "seed":
            raise ConfigError('distillation.teacher: lessons cannot follow the transforms "seed"')
        teacher = load_teacher(config)
        teaching = lessons(teacher, photographs, cache)
        standardise = Standardiser(teaching)
        fine, coarse = channels_of(teacher)
    network = TaughtGrader(config.network, fine, coarse)
    if not run.checkpoint.is_file():
        initialise(network.student, config)
    task = GradingTask(config, validation, standardise)
    train(config=config, network=network, dataset=GradingDataset(config, photographs, teaching), task=task, run=run)
    return run


def _graded(squares: list[Square]) -> list[Square]:
    if not squares:
        raise ConfigError("data.labelled: name a data set with grades")
    if strange := {square.record.source for square in squares if square.record.grade is None}:
        raise ConfigError(f"data.labelled: nobody graded {', '.join(sorted(strange))}")
    return squares

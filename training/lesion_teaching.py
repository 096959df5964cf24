"""What a lesion network knows about a photograph, written down once, to pretrain the grader's trunk with.

A trunk that starts from random weights learns more from dense answers at every place of the picture than from one
grade: it is asked for the teacher's lesion probabilities and for the features of the teacher's encoder (FitNets,
Romero et al. 2015).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.preprocessing import normalise, resize_square
from training.config import ConfigError, TrainingConfig
from training.datasets.records import DatasetError
from training.datasets.squares import Square
from training.evaluation.weights import Weights, load_weights
from training.precision import mixed_precision

# Cells of the teacher's answers: stride 16 and 32 of a 384 px input.
FINE, COARSE = 24, 12
_TEACHER_SIDE = 640


def load_teacher(config: TrainingConfig) -> Weights:
    """The network that a configuration names as its teacher; ``ConfigError`` where it cannot be used."""
    try:
        return load_weights(Path(config.distillation.teacher))
    except (ValueError, DatasetError) as error:
        raise ConfigError(f"distillation.teacher: {error}") from error


def lessons(teacher: Weights, squares: Sequence[Square], cache: Path) -> list[NDArray[np.float16]]:
    """Per photograph, ``C x 24 x 24`` float16.

    The channels: lesion probabilities (4, the highest in the cell), encoder features at stride 16, and those at
    stride 32 (each value repeated 2 x 2).
    """
    cache.mkdir(parents=True, exist_ok=True)
    return [_lesson(teacher, square, cache) for square in squares]


def channels_of(teacher: Weights) -> tuple[int, int]:
    """Feature channels at stride 16 and at stride 32."""
    channels = teacher.network.encoder.out_channels  # type: ignore[union-attr]
    return int(channels[-2]), int(channels[-1])  # type: ignore[index]


@torch.no_grad()
def _lesson(teacher: Weights, square: Square, cache: Path) -> NDArray[np.float16]:
    identity = f"{teacher.card.sha256} {square.record.image.resolve()} {_TEACHER_SIDE} {FINE}"
    path = cache / f"lesson-{hashlib.sha256(identity.encode()).hexdigest()[:24]}.npy"
    if not path.is_file():
        norm = teacher.card.normalisation
        image = normalise(resize_square(square.rgb, _TEACHER_SIDE), norm.mean, norm.std)
        batch = torch.from_numpy(image)[None].contiguous(memory_format=torch.channels_last)
        with mixed_precision(batch.device):
            features = teacher.network.encoder(batch)  # type: ignore[operator]
            logits = teacher.network.segmentation_head(teacher.network.decoder(features))  # type: ignore[operator]
        lesion = functional.adaptive_max_pool2d(logits.float().sigmoid(), FINE)
        fine = functional.adaptive_avg_pool2d(features[-2].float(), FINE)
        coarse = functional.adaptive_avg_pool2d(features[-1].float(), COARSE)
        lesson = torch.cat([lesion, fine, functional.interpolate(coarse, scale_factor=2.0)], dim=1)[0]
        scratch = path.with_suffix(f".{os.getpid()}.tmp")
        with scratch.open("wb") as file:
            np.save(file, lesson.half().numpy(), allow_pickle=False)
        scratch.replace(path)
    loaded: NDArray[np.float16] = np.load(path, allow_pickle=False, mmap_mode="r")
    return loaded


class Standardiser:
    """Brings every feature channel of the lessons to mean 0 and spread 1, so that none outweighs the others."""

    def __init__(self, examples: Sequence[NDArray[np.float16]]) -> None:
        sample = np.stack([np.asarray(lesson[4:], np.float32) for lesson in examples[:: max(1, len(examples) // 100)]])
        self._mean = torch.from_numpy(sample.mean(axis=(0, 2, 3))).view(1, -1, 1, 1)
        self._std = torch.from_numpy(sample.std(axis=(0, 2, 3)) + 1e-3).view(1, -1, 1, 1)

    def __call__(self, features: Tensor) -> Tensor:
        """Standardise ``N x C x h x w`` features."""
        mean, std = self._mean.to(features.device), self._std.to(features.device)
        return ((features - mean) / std).clamp(-5, 5)

"""Putting the lesion-aware grader together: a trained lesion network, a trained ResNet50, and a last layer fitted here.

The last layer has 17 inputs, few enough for a regression on a few hundred photographs. Its regularisation is chosen by
cross-validation over training patients; validation photographs stay unseen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from inference.networks import build
from inference.networks.grader import LesionGrader
from inference.preprocessing import normalise, resize_square
from training.classifier_refit import fit_last_layer
from training.config import TrainingConfig
from training.datasets.records import require_file
from training.datasets.selection import squares_of
from training.grading import SQUARE_SIDE
from training.precision import mixed_precision


def fit_lesion_grader(config: TrainingConfig, trunk: Path, cache: Path) -> dict[str, Tensor]:
    """Weights of the ``lesion_resnet50`` that ``config`` describes.

    The lesion network is the configuration's teacher; ``trunk`` is a folder of weights of a ResNet50 grader, or of a
    lesion-aware one whose trunk is taken.
    """
    network = build(config.network)
    if not isinstance(network, LesionGrader) or config.network.head != "classes":
        raise ValueError("fitting needs a lesion_resnet50 with the five-class head")
    network.lesions.load_state_dict(_floats(_tensors(Path(config.distillation.teacher))))
    network.trunk.load_state_dict(_trunk_of(_tensors(trunk)))
    network = network.eval().to(memory_format=torch.channels_last)
    squares = squares_of(config, config.data.labelled, "train", SQUARE_SIDE, cache)
    norm = config.input.normalisation
    rows = []
    for square in squares:
        image = normalise(resize_square(square.rgb, config.input.size), norm.mean, norm.std)
        batch = torch.from_numpy(image)[None].contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), mixed_precision(batch.device):
            rows.append(network.features(batch)[0].float().numpy())
    grades = np.array([square.record.grade for square in squares])
    patients = np.array([square.record.patient for square in squares])
    weight, bias = fit_last_layer(np.stack(rows).astype(np.float64), grades, patients)
    network.fc.load_state_dict({"weight": weight, "bias": bias})
    return network.state_dict()


def _tensors(weights: Path) -> dict[str, Tensor]:
    return load_file(require_file(weights / "model.safetensors", "weights"))


def _trunk_of(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    own = {name.removeprefix("trunk."): t for name, t in tensors.items() if name.startswith("trunk.")}
    return _floats(own or tensors)


def _floats(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}

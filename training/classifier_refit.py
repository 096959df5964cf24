"""Fitting the grader's last layer anew on a finished trunk.

After a short training the trunk's features are better than the last layer's use of them. A logistic regression brings
that layer to its optimum; its regularisation is chosen by cross-validation over the training patients, so validation
photographs stay unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from inference.networks import build
from inference.preprocessing import normalise, resize_square
from training.config import TrainingConfig
from training.datasets.squares import Square
from training.precision import mixed_precision

_STRENGTHS: Final = (1e-4, 1e-3, 1e-2, 1e-1)


def refit_classifier(
    tensors: dict[str, Tensor], config: TrainingConfig, squares: Sequence[Square]
) -> dict[str, Tensor]:
    """Weights with a new ``fc`` layer, fitted on graded training photographs (as they are, and mirrored).

    Raises ``ValueError`` for the ordinal head, or where a grade does not occur.
    """
    truth = np.array([square.record.grade for square in squares])
    if config.network.head != "classes" or set(truth.tolist()) != set(range(5)):
        raise ValueError("refitting needs the five-class head and photographs of all five grades")
    network = build(config.network)
    network.load_state_dict(tensors)
    network.fc = nn.Identity()
    network = network.eval().to(memory_format=torch.channels_last)
    features = np.concatenate([_features(network, config, squares, flip) for flip in (False, True)])
    grades, patients = np.tile(truth, 2), np.tile([square.record.patient for square in squares], 2)
    weight, bias = fit_last_layer(features, grades, patients)
    return tensors | {"fc.weight": weight, "fc.bias": bias}


def fit_last_layer(
    features: NDArray[np.float64], grades: NDArray[np.integer], patients: NDArray[np.generic]
) -> tuple[Tensor, Tensor]:
    """Weight ``5 x C`` and bias ``5`` of a balanced logistic regression on ``N x C`` features."""
    strength = max(_STRENGTHS, key=lambda value: _score(features, grades, patients, value))
    scaler, regression = StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=500)
    regression.fit(scaler.fit_transform(features), grades)
    weight = regression.coef_ / scaler.scale_
    bias = regression.intercept_ - weight @ scaler.mean_
    return torch.from_numpy(weight).float(), torch.from_numpy(bias).float()


@torch.no_grad()
def _features(network: nn.Module, config: TrainingConfig, squares: Sequence[Square], flip: bool) -> NDArray[np.float64]:
    norm = config.input.normalisation
    rows = []
    for start in range(0, len(squares), 8):
        images = [resize_square(square.rgb, config.input.size) for square in squares[start : start + 8]]
        if flip:
            images = [np.ascontiguousarray(image[:, ::-1]) for image in images]
        batch = torch.from_numpy(np.stack([normalise(image, norm.mean, norm.std) for image in images]))
        with mixed_precision(batch.device):
            rows.append(network(batch.contiguous(memory_format=torch.channels_last)).float().numpy())
    return np.concatenate(rows).astype(np.float64)


def _score(
    features: NDArray[np.float64], grades: NDArray[np.integer], patients: NDArray[np.generic], strength: float
) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=500))
    folds = StratifiedGroupKFold(n_splits=3, shuffle=True, random_state=0)
    scores = cross_val_score(model, features, grades, groups=patients, cv=folds, scoring="roc_auc_ovr")
    return float(np.mean(scores))

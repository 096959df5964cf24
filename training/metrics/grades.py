"""Figures of merit for ICDR grades, from probabilities ``N x 5`` and true grades ``N``."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn import metrics as sk

from training.metrics.bootstrap import bootstrap_interval

GRADES: Final = 5
# ICDR 2 and above is referable diabetic retinopathy (ICO guidelines 2017).
REFERABLE: Final = 2

Probabilities = NDArray[np.floating]
Grades = NDArray[np.integer]


def confusion(truth: Grades, predicted: Grades) -> NDArray[np.int64]:
    """``5 x 5`` counts, rows truth, columns prediction."""
    return cast("NDArray[np.int64]", sk.confusion_matrix(truth, predicted, labels=range(GRADES)))


def quadratic_kappa(truth: Grades, predicted: Grades) -> float:
    """Cohen's kappa with quadratic weights; nan where truth and prediction are one and the same single grade."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(sk.cohen_kappa_score(truth, predicted, labels=list(range(GRADES)), weights="quadratic"))


def auc(positive: NDArray[np.bool_], score: Probabilities) -> float:
    """Area under the ROC curve; nan where there is one class only."""
    if positive.all() or not positive.any():
        return float("nan")
    return float(sk.roc_auc_score(positive, score))


def macro_auc(truth: Grades, probabilities: Probabilities) -> float:
    """Mean one-versus-rest AUC over the grades that occur (and are not alone); nan where none does."""
    values = [auc(truth == grade, probabilities[:, grade]) for grade in range(GRADES)]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def referable_score(probabilities: Probabilities) -> Probabilities:
    """Probability of grade 2 or above."""
    return cast("Probabilities", probabilities[:, REFERABLE:].sum(axis=1))


def expected_calibration_error(truth: Grades, probabilities: Probabilities, bins: int = 15) -> float:
    """Gap between confidence and accuracy, averaged over equal-width bins by size (Guo et al. 2017)."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == truth
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = [
        abs(confidence[which == b].mean() - correct[which == b].mean()) * (which == b).mean()
        for b in range(bins)
        if (which == b).any()
    ]
    return float(sum(gaps))


def softmax(logits: Probabilities, temperature: float = 1.0) -> Probabilities:
    """Row-wise softmax of ``N x C`` logits divided by ``temperature``."""
    scaled = np.asarray(logits, np.float64) / temperature
    shifted = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return cast("Probabilities", shifted / shifted.sum(axis=1, keepdims=True))


def fit_temperature(logits: Probabilities, truth: Grades) -> float:
    """The temperature in [0.2, 10] with the lowest negative log likelihood (Guo et al. 2017, arXiv 1706.04599)."""

    def loss(log_temperature: float) -> float:
        chosen = softmax(logits, float(np.exp(log_temperature)))[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.2), np.log(10.0)), method="bounded")
    return round(float(np.exp(found.x)), 4)


def operating_point(
    positive: NDArray[np.bool_], score: Probabilities, *, sensitivity: float = 0.0, specificity: float = 0.0
) -> dict[str, float]:
    """The threshold that reaches the wanted ``sensitivity`` with the best specificity, or the other way round."""
    fpr, tpr, thresholds = sk.roc_curve(positive, score, drop_intermediate=False)
    index = int(np.argmax(tpr >= sensitivity) if sensitivity else np.flatnonzero(1 - fpr >= specificity)[-1])
    return {
        "threshold": float(np.clip(thresholds[index], 0.0, 1.0)),
        "sensitivity": float(tpr[index]),
        "specificity": float(1 - fpr[index]),
    }


def grade_figures(
    truth: Grades, probabilities: Probabilities, patients: Sequence[Hashable], rounds: int = 1000
) -> dict[str, Any]:
    """All figures, with 95 % bootstrap intervals over patients."""
    predicted = probabilities.argmax(axis=1)
    referable = truth >= REFERABLE
    score = referable_score(probabilities)

    def interval(statistic: Any) -> tuple[float, float]:
        return bootstrap_interval(statistic, patients, rounds=rounds)

    recall = [float((predicted[truth == g] == g).mean()) if (truth == g).any() else float("nan") for g in range(GRADES)]
    figures: dict[str, Any] = {
        "images": len(truth),
        "patients": len(set(patients)),
        "accuracy": float((predicted == truth).mean()),
        "accuracy_interval": interval(lambda i: float((predicted[i] == truth[i]).mean())),
        "quadratic_kappa": quadratic_kappa(truth, predicted),
        "quadratic_kappa_interval": interval(lambda i: quadratic_kappa(truth[i], predicted[i])),
        "macro_auc": macro_auc(truth, probabilities),
        "macro_auc_interval": interval(lambda i: macro_auc(truth[i], probabilities[i])),
        "referable_auc": auc(referable, score),
        "referable_auc_interval": interval(lambda i: auc(referable[i], score[i])),
        "recall_per_grade": recall,
        "confusion": confusion(truth, predicted).tolist(),
        "ece": expected_calibration_error(truth, probabilities),
    }
    if referable.any() and not referable.all():
        figures["operating_points"] = {
            "high_sensitivity": operating_point(referable, score, sensitivity=0.9),
            "high_specificity": operating_point(referable, score, specificity=0.9),
        }
    return figures

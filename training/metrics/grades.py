"""Figures of merit for ICDR grades, from probabilities ``N x 5`` and true grades ``N``."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import rankdata
from sklearn import metrics as sk

from training.metrics.bootstrap import ROUNDS, bootstrap_intervals

GRADES: Final = 5
# ICDR 2 and above is referable diabetic retinopathy (ICO guidelines 2017).
REFERABLE: Final = 2
OPERATING_POINTS: Final = ("high_sensitivity", "high_specificity")
AIM: Final = 0.9
CURVE_POINTS: Final = 50
_RATES: Final = ("sensitivity", "specificity")

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
    """Area under the ROC curve; nan where there is one class only.

    By the ranks (Mann and Whitney), ties at half: a hundredth of the time of scikit-learn's, which a bootstrap needs.
    """
    cases, others = int(positive.sum()), int((~positive).sum())
    if not cases or not others:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[positive].sum() - cases * (cases + 1) / 2) / (cases * others))


def macro_auc(truth: Grades, probabilities: Probabilities) -> float:
    """Mean one-versus-rest AUC over the grades that occur (and are not alone); nan where none does."""
    values = [auc(truth == grade, probabilities[:, grade]) for grade in range(GRADES)]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def referable_score(probabilities: Probabilities) -> Probabilities:
    """Probability of grade 2 or above."""
    return cast("Probabilities", probabilities[:, REFERABLE:].sum(axis=1))


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers whose confidence lies in one bin: how many, their mean confidence, and the share that was right."""

    answers: int
    confidence: float
    accuracy: float


def reliability(truth: Grades, probabilities: Probabilities, bins: int = 15) -> list[ReliabilityBin]:
    """The bins that are not empty, of ``bins`` equal widths, lowest first; confidence is the highest probability."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == truth
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        ReliabilityBin(int(own.sum()), float(confidence[own].mean()), float(correct[own].mean()))
        for own in (which == number for number in np.unique(which))
    ]


def expected_calibration_error(truth: Grades, probabilities: Probabilities, bins: int = 15) -> float:
    """Gap between confidence and accuracy, averaged over equal-width bins by size (Guo et al. 2017)."""
    found = reliability(truth, probabilities, bins)
    return sum(each.answers * abs(each.confidence - each.accuracy) for each in found) / len(truth)


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


def choose_operating_points(positive: NDArray[np.bool_], score: Probabilities) -> dict[str, float]:
    """Thresholds of ``OPERATING_POINTS``, or none of them where there is one class only.

    ``high_sensitivity`` is the highest with a sensitivity of at least .9, ``high_specificity`` the lowest with a
    specificity of at least .9. A score of at least the threshold is positive.
    """
    if positive.all() or not positive.any():
        return {}
    fpr, tpr, thresholds = sk.roc_curve(positive, score, drop_intermediate=False)
    thresholds[0] = np.nextafter(score.max(), np.inf)  # scikit-learn says inf: nothing is positive
    return {
        "high_sensitivity": float(thresholds[np.argmax(tpr >= AIM)]),
        "high_specificity": float(thresholds[np.flatnonzero(1 - fpr >= AIM)[-1]]),
    }


def rates(positive: NDArray[np.bool_], score: Probabilities, threshold: float) -> tuple[float, float]:
    """Sensitivity and specificity where a score of at least ``threshold`` counts; nan over no cases."""
    found = score >= threshold
    return _share(found[positive]), _share(~found[~positive])


def roc_points(positive: NDArray[np.bool_], score: Probabilities, points: int) -> list[tuple[float, float]]:
    """Up to ``points`` (1 - specificity, sensitivity) pairs of the ROC curve; empty where there is one class only."""
    if positive.all() or not positive.any():
        return []
    fpr, tpr, _ = sk.roc_curve(positive, score)
    chosen = np.unique(np.linspace(0, len(fpr) - 1, points).round().astype(int))
    return [(float(fpr[i]), float(tpr[i])) for i in chosen]


def grade_figures(
    truth: Grades,
    probabilities: Probabilities,
    patients: Sequence[Hashable],
    *,
    operating_points: Mapping[str, float] | None = None,
    rounds: int = ROUNDS,
) -> dict[str, Any]:
    """All figures, each with its 95 % bootstrap interval over patients.

    ``operating_points`` are the frozen thresholds of ``referable_score``; without them they are chosen here.
    """
    referable, score = truth >= REFERABLE, referable_score(probabilities)
    points = choose_operating_points(referable, score) if operating_points is None else operating_points

    def at(indices: NDArray[np.int64]) -> dict[str, float]:
        return _figures(truth[indices], probabilities[indices], points)

    values = at(np.arange(len(truth)))
    intervals = bootstrap_intervals(at, patients, rounds=rounds)
    figures: dict[str, Any] = {"images": len(truth), "patients": len(set(patients))}
    for name in ("accuracy", "quadratic_kappa", "macro_auc", "referable_auc", "ece"):
        figures |= {name: values[name], f"{name}_interval": intervals[name]}
    figures["recall_per_grade"] = [values[f"recall/{grade}"] for grade in range(GRADES)]
    figures["recall_per_grade_interval"] = [intervals[f"recall/{grade}"] for grade in range(GRADES)]
    figures["confusion"] = confusion(truth, probabilities.argmax(axis=1)).tolist()
    figures["operating_points"] = {
        name: {"threshold": threshold}
        | {rate: values[f"{rate}/{name}"] for rate in _RATES}
        | {f"{rate}_interval": intervals[f"{rate}/{name}"] for rate in _RATES}
        for name, threshold in points.items()
    }
    figures["roc_curve"] = [(round(x, 4), round(y, 4)) for x, y in roc_points(referable, score, CURVE_POINTS)]
    return figures


def _figures(truth: Grades, probabilities: Probabilities, points: Mapping[str, float]) -> dict[str, float]:
    predicted, referable = probabilities.argmax(axis=1), truth >= REFERABLE
    score = referable_score(probabilities)
    figures = {
        "accuracy": float((predicted == truth).mean()),
        "quadratic_kappa": quadratic_kappa(truth, predicted),
        "macro_auc": macro_auc(truth, probabilities),
        "referable_auc": auc(referable, score),
        "ece": expected_calibration_error(truth, probabilities),
    }
    figures |= {f"recall/{grade}": _share(predicted[truth == grade] == grade) for grade in range(GRADES)}
    for name, threshold in points.items():
        figures |= zip((f"{rate}/{name}" for rate in _RATES), rates(referable, score, threshold), strict=True)
    return figures


def _share(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if values.size else float("nan")

"""The grader against graded photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.cards import ModelCard
from inference.field_of_view import find_field_of_view
from inference.networks.spec import GRADES, grade_probabilities
from training.datasets.records import DatasetError, Record
from training.datasets.squares import read_rgb
from training.evaluation.weights import Weights
from training.metrics.grades import expected_calibration_error, grade_figures, reliability


@dataclass(frozen=True, slots=True)
class GradeScores:
    """Raw outputs ``N x C``, true grades ``N``, and the patient of each photograph."""

    logits: NDArray[np.float32]
    truth: NDArray[np.int64]
    patients: list[str]

    def probabilities(self, weights: Weights, temperature: float) -> NDArray[np.float64]:
        """``N x 5`` probabilities at a temperature."""
        spec = weights.card.network
        rows = [grade_probabilities(row, spec, temperature) for row in self.logits]
        return np.stack(rows).astype(np.float64) if rows else np.empty((0, GRADES))


def grading_figures(
    scores: GradeScores, weights: Weights, temperature: float, operating_points: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """All figures at a temperature, and the calibration without it; see ``training.metrics.grades``.

    ``operating_points`` are thresholds frozen earlier; without them they are chosen on these photographs.
    """
    raw, scaled = scores.probabilities(weights, 1.0), scores.probabilities(weights, temperature)
    return grade_figures(scores.truth, scaled, scores.patients, operating_points=operating_points) | {
        "ece_before_scaling": expected_calibration_error(scores.truth, raw),
        "reliability_before_scaling": _bins(scores.truth, raw),
        "reliability": _bins(scores.truth, scaled),
    }


def frozen_operating_points(card: ModelCard) -> dict[str, float] | None:
    """The thresholds of referable disease that a card holds; None where it was never measured."""
    points = card.validation.get("operating_points")
    return None if points is None else {name: float(point["threshold"]) for name, point in points.items()}


def _bins(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> list[tuple[int, float, float]]:
    found = reliability(truth, probabilities)
    return [(each.answers, round(each.confidence, 4), round(each.accuracy, 4)) for each in found]


def collect_grades(weights: Weights, records: Sequence[Record]) -> GradeScores:
    """Run the grader on every record that has a grade; ``DatasetError`` where none has."""
    graded = [record for record in records if record.grade is not None]
    if not graded:
        raise DatasetError("this data set has no grades: the grader cannot be measured on it.")
    logits = []
    for record in graded:
        rgb = read_rgb(record.image)
        logits.append(weights.grade_logits(rgb, find_field_of_view(rgb)))
    return GradeScores(
        logits=np.stack(logits),
        truth=np.array([record.grade for record in graded], dtype=np.int64),
        patients=[f"{record.source}/{record.patient}" for record in graded],
    )

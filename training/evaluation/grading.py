"""The grader against graded photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.field_of_view import find_field_of_view
from inference.networks.spec import GRADES, grade_probabilities
from training.datasets.records import DatasetError, Record
from training.datasets.squares import read_rgb
from training.evaluation.weights import Weights


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

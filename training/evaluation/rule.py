"""The grade by rule from a lesion network's masks against graded photographs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from inference.field_of_view import FieldOfView, Rgb, find_field_of_view
from inference.field_view import field_view
from inference.landmarks import Landmark, find_landmarks
from inference.rules import Point, grade_by_rule
from training.datasets.records import DatasetError, Record
from training.datasets.squares import read_rgb
from training.evaluation.weights import Weights
from training.metrics.grades import GRADES, grade_figures

# A rule gives a grade and no probabilities: what rests on those is left out.
_UNDEFINED: Final = ("macro_auc", "ece", "roc_curve")


def rule_figures(weights: Weights, records: Sequence[Record]) -> dict[str, Any]:
    """The figures of a grader (see ``training.metrics.grades``), of the grades by rule at the card's thresholds.

    The AUC of referable disease is that of the one point which a rule has: the mean of its sensitivity and specificity.
    ``DatasetError`` where no record has a grade.
    """
    graded = [record for record in records if record.grade is not None]
    if not graded:
        raise DatasetError("this data set has no grades: a grade by rule cannot be measured on it.")
    grades = np.array([_grade(weights, read_rgb(record.image)) for record in graded])
    figures = grade_figures(
        np.array([record.grade for record in graded], dtype=np.int64),
        np.eye(GRADES)[grades],
        [f"{record.source}/{record.patient}" for record in graded],
        operating_points={"grade_2_and_above": 0.5},
    )
    del figures["operating_points"]["grade_2_and_above"]["threshold"]
    return {name: value for name, value in figures.items() if not name.startswith(_UNDEFINED)}


def _grade(weights: Weights, rgb: Rgb) -> int:
    fov = find_field_of_view(rgb)
    maps = weights.lesion_maps(rgb, fov)
    card = weights.card
    masks = {lesion: own >= card.thresholds[lesion] for lesion, own in zip(card.lesions, maps, strict=True)}
    return grade_by_rule(masks, fov, *_disc_and_fovea(rgb, fov)).grade


def _disc_and_fovea(rgb: Rgb, fov: FieldOfView) -> tuple[Point | None, Point | None]:
    found = find_landmarks(field_view(rgb, fov))
    return _place(found.disc), _place(found.fovea)


def _place(landmark: Landmark | None) -> Point | None:
    return (landmark.x, landmark.y) if landmark is not None and landmark.seen else None

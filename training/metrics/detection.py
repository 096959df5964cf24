"""Lesions found against false marks: the free-response ROC (FROC).

**Matching rule.** At a threshold, marks are the 8-connected regions of the prediction and lesions those of the truth.
A mark is *false* where less than 20 % of its pixels lie on lesions. A lesion is *found* where marks that are not false
cover at least 20 % of its pixels. So a speck beside a lesion does not find it, one mark may find several lesions that
the grader drew apart, and a mark that floods half the retina finds nothing. The 20 % are those of Zhang et al., Medical
Image Analysis 2014;18:1026-1043, who match exudates by mutual coverage; counting whole lesions and marks is ours.

**Score.** The mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false marks per photograph, as in LUNA16 (Setio et al.,
Medical Image Analysis 2017;42:1-13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

COVERAGE: Final = 0.2
FALSE_MARKS_PER_IMAGE: Final = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)
# Evenly spaced in log-odds: from .005 to .995.
THRESHOLDS: Final = tuple(float(1 / (1 + np.exp(-x))) for x in np.linspace(-5.3, 5.3, 81))


@dataclass(frozen=True, slots=True)
class LesionCounts:
    """One photograph: its lesions, and per threshold of ``THRESHOLDS`` the lesions found and the false marks."""

    lesions: int
    found: NDArray[np.int64]
    false_marks: NDArray[np.int64]


def count_lesions(probability: NDArray[np.floating], truth: NDArray[np.bool_]) -> LesionCounts:
    """Match the marks of an ``H x W`` probability map with the lesions of its truth at every threshold."""
    if probability.shape != truth.shape:
        raise ValueError(f"the map is {probability.shape}, truth is {truth.shape}")
    total, lesions = cv2.connectedComponents(truth.astype(np.uint8), connectivity=8)
    sizes = np.bincount(lesions.ravel(), minlength=total)[1:]
    # Pixels below the lowest threshold are never marked: what is left is small.
    candidates = np.flatnonzero(probability.ravel() >= THRESHOLDS[0])
    values, lesion_of = probability.ravel()[candidates], lesions.ravel()[candidates]
    found, false_marks = [], []
    for threshold in THRESHOLDS:
        marked = values >= threshold
        binary = (probability >= threshold).astype(np.uint8)
        count, marks = cv2.connectedComponents(binary, connectivity=8)
        mark_of, under = marks.ravel()[candidates[marked]], lesion_of[marked]
        area = np.bincount(mark_of, minlength=count)[1:]
        hit = np.bincount(mark_of[under > 0], minlength=count)[1:] >= COVERAGE * area
        covered = np.bincount(under[np.concatenate([[False], hit])[mark_of]], minlength=total)[1:]
        found.append(int((covered >= COVERAGE * sizes).sum()))
        false_marks.append(int((~hit).sum()))
    return LesionCounts(total - 1, np.array(found), np.array(false_marks))


def froc_curve(photographs: Sequence[LesionCounts]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False marks per photograph and sensitivity, one of each per threshold; sensitivity nan where no lesion is."""
    lesions = sum(each.lesions for each in photographs)
    false_marks = np.sum([each.false_marks for each in photographs], axis=0) / len(photographs)
    found = np.sum([each.found for each in photographs], axis=0)
    return false_marks, found / lesions if lesions else np.full(len(THRESHOLDS), np.nan)


def sensitivity_at(photographs: Sequence[LesionCounts], false_marks: float) -> float:
    """The best sensitivity of the thresholds with at most so many false marks per photograph; 0 where none has.

    nan where no photograph has a lesion.
    """
    marks, sensitivity = froc_curve(photographs)
    if np.isnan(sensitivity).any():
        return float("nan")
    allowed = sensitivity[marks <= false_marks]
    return float(allowed.max()) if allowed.size else 0.0


def froc_score(photographs: Sequence[LesionCounts]) -> float:
    """The mean of the sensitivities at ``FALSE_MARKS_PER_IMAGE``; nan where no photograph has a lesion."""
    return cast("float", np.mean([sensitivity_at(photographs, marks) for marks in FALSE_MARKS_PER_IMAGE]))

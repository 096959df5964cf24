"""Precision and recall over many pixels, exactly, in little memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

LEVELS: Final = 65536


class ScoreHistogram:
    """Counts of positive and negative pixels per score level.

    Scores in [0, 1] are rounded to one of 65536 levels; every figure is exact for the rounded scores, ties included.
    """

    def __init__(self) -> None:
        self.positives: NDArray[np.int64] = np.zeros(LEVELS, np.int64)
        self.negatives: NDArray[np.int64] = np.zeros(LEVELS, np.int64)

    def add(self, scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> None:
        """Take in pixels: scores in [0, 1] and their truth, of one shape."""
        if scores.shape != truth.shape:
            raise ValueError(f"scores are {scores.shape}, truth is {truth.shape}")
        levels = np.clip(np.rint(scores * (LEVELS - 1)), 0, LEVELS - 1).astype(np.uint16)
        self.positives += np.bincount(levels[truth], minlength=LEVELS)
        self.negatives += np.bincount(levels[~truth], minlength=LEVELS)

    def _cumulative(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        # Index i: pixels whose level is at least LEVELS - 1 - i.
        tp = np.cumsum(self.positives[::-1]).astype(np.float64)
        fp = np.cumsum(self.negatives[::-1]).astype(np.float64)
        return tp, fp

    def average_precision(self) -> float:
        """``sum (R_n - R_{n-1}) P_n``, as scikit-learn's ``average_precision_score``; nan without a positive pixel."""
        tp, fp = self._cumulative()
        if tp[-1] == 0:
            return float("nan")
        precision = tp / np.maximum(tp + fp, 1)
        return float(np.sum(np.diff(tp, prepend=0.0) / tp[-1] * precision))

    def aupr(self, points: int) -> float:
        """Area under precision over recall by the trapezoidal rule, from thresholds ``linspace(0, 1, points)``.

        33 points is the protocol of the IDRiD challenge, 11 that of several papers; both depend on the calibration of
        the scores, which exact AP does not. nan without a positive pixel.
        """
        if not self.positives.any():
            return float("nan")
        recall, precision = zip(*(self._recall_precision(t) for t in np.linspace(0, 1, points)), strict=True)
        return float(-np.trapezoid(precision, recall))

    def _recall_precision(self, threshold: float) -> tuple[float, float]:
        tp, fp, fn = self.confusion(threshold)
        return tp / (tp + fn), tp / (tp + fp) if tp + fp else 1.0

    def precision_recall(self, points: int) -> list[tuple[float, float]]:
        """Up to ``points`` exact (recall, precision) pairs, even in recall; empty without a positive pixel."""
        tp, fp = self._cumulative()
        if tp[-1] == 0:
            return []
        recall, precision = tp / tp[-1], tp / np.maximum(tp + fp, 1)
        wanted = np.linspace(0, 1, points) * (1 - 1e-12)
        chosen = np.unique(np.maximum(np.searchsorted(recall, wanted), np.argmax(tp > 0)))
        return [(float(recall[i]), float(precision[i])) for i in chosen]

    def confusion(self, threshold: float) -> tuple[int, int, int]:
        """True positives, false positives, false negatives where a score of at least ``threshold`` counts.

        The threshold is rounded as the scores are: a score that equals it counts.
        """
        level = round(threshold * (LEVELS - 1))
        tp, fp = int(self.positives[level:].sum()), int(self.negatives[level:].sum())
        return tp, fp, int(self.positives.sum()) - tp

    def dice(self, threshold: float) -> float:
        """Pooled Dice, see ``dice``."""
        return float(dice(np.array(self.confusion(threshold))))

    def iou(self, threshold: float) -> float:
        """Pooled intersection over union, see ``iou``."""
        return float(iou(np.array(self.confusion(threshold))))

    def best_dice(self) -> tuple[float, float]:
        """The threshold in [0.02, 0.98] with the highest pooled Dice, and that Dice."""
        tp, fp = self._cumulative()
        dice = 2 * tp / np.maximum(tp + fp + tp[-1], 1)
        levels = np.arange(LEVELS - 1, -1, -1)
        allowed = (levels >= 0.02 * LEVELS) & (levels <= 0.98 * LEVELS)
        best = int(np.argmax(np.where(allowed, dice, -1)))
        return float(levels[best] / (LEVELS - 1)), float(dice[best])

    @classmethod
    def pooled(cls, histograms: Iterable[ScoreHistogram]) -> Self:
        """The histogram of all their pixels; one that is given twice counts twice."""
        result = cls()
        for each in histograms:
            result.positives += each.positives
            result.negatives += each.negatives
        return result


def dice(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Dice of (true positives, false positives, false negatives) along the last axis; 1 where all three are 0."""
    tp, fp, fn = np.moveaxis(counts, -1, 0)
    return np.where(tp + fp + fn == 0, 1.0, 2 * tp / np.maximum(2 * tp + fp + fn, 1))


def iou(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union, as ``dice``."""
    tp, fp, fn = np.moveaxis(counts, -1, 0)
    return np.where(tp + fp + fn == 0, 1.0, tp / np.maximum(tp + fp + fn, 1))

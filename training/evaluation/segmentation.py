"""Lesion networks against outlined photographs, on the photographs' own pixel grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.field_of_view import find_field_of_view
from inference.lesions import LESIONS
from training.datasets.masks import read_masks
from training.datasets.records import Record
from training.datasets.squares import read_rgb
from training.evaluation.weights import Weights
from training.metrics.bootstrap import bootstrap_interval
from training.metrics.scores import ScoreHistogram


@dataclass(frozen=True, slots=True)
class LesionScores:
    """Per photograph, the score histogram of each lesion."""

    lesions: tuple[str, ...]
    images: list[dict[str, ScoreHistogram]]

    def pooled(self, lesion: str, indices: Sequence[int] | None = None) -> ScoreHistogram:
        """All photographs (or those of ``indices``) as one."""
        total = ScoreHistogram()
        for index in range(len(self.images)) if indices is None else indices:
            total = total.merged(self.images[index][lesion])
        return total


def collect_scores(weights: Weights, records: Sequence[Record]) -> LesionScores:
    """Run the network on every record that has masks."""
    images = []
    for record in records:
        rgb = read_rgb(record.image)
        fov = find_field_of_view(rgb)
        inside = fov.mask_for(rgb.shape)
        bits = read_masks(record, rgb.shape, fov)
        maps = weights.lesion_maps(rgb, fov)
        histograms = {}
        for channel, lesion in enumerate(weights.card.network.lesions):
            histogram = ScoreHistogram()
            truth = ((bits >> LESIONS.index(lesion)) & 1).astype(bool)
            histogram.add(maps[channel][inside], truth[inside])
            histograms[lesion] = histogram
        images.append(histograms)
    return LesionScores(weights.card.network.lesions, images)


def choose_thresholds(scores: LesionScores) -> dict[str, float]:
    """Per lesion, the threshold with the highest pooled Dice, to three digits."""
    return {lesion: round(scores.pooled(lesion).best_dice()[0], 3) for lesion in scores.lesions}


def lesion_figures(scores: LesionScores, thresholds: dict[str, float], rounds: int = 300) -> dict[str, Any]:
    """All figures per lesion, and their means.

    Per-image Dice is the mean over photographs that have the lesion; on the others it is 0 or 1 by whether anything
    at all is predicted, which ``presence_specificity`` tells.
    """
    figures: dict[str, Any] = {
        lesion: _figures_of(scores, lesion, thresholds[lesion], rounds) for lesion in scores.lesions
    }
    means = ("ap", "dice", "dice_at_half", "dice_per_image", "iou")
    figures["mean"] = {name: float(np.nanmean([figures[lesion][name] for lesion in scores.lesions])) for name in means}
    figures["images"] = len(scores.images)
    figures["resolution"] = "original photographs, inside the field of view"
    return figures


def _figures_of(scores: LesionScores, lesion: str, threshold: float, rounds: int) -> dict[str, Any]:
    pooled = scores.pooled(lesion)
    own = [image[lesion] for image in scores.images]
    present = [h for h in own if h.positives.any()]
    absent = [h for h in own if not h.positives.any()]
    return {
        "ap": pooled.average_precision(),
        "ap_interval": bootstrap_interval(
            lambda indices: scores.pooled(lesion, indices.tolist()).average_precision(), range(len(own)), rounds=rounds
        ),
        "aupr_33_points": pooled.aupr(33),
        "aupr_11_points": pooled.aupr(11),
        "threshold": threshold,
        "dice": pooled.dice(threshold),
        "iou": pooled.iou(threshold),
        "dice_at_half": pooled.dice(0.5),
        "iou_at_half": pooled.iou(0.5),
        "dice_per_image": _mean([h.dice(threshold) for h in present]),
        "iou_per_image": _mean([h.iou(threshold) for h in present]),
        "presence_sensitivity": _mean([sum(h.confusion(threshold)[:2]) > 0 for h in present]),
        "presence_specificity": _mean([sum(h.confusion(threshold)[:2]) == 0 for h in absent]),
    }


def normal_figures(weights: Weights, records: Sequence[Record], thresholds: dict[str, float]) -> dict[str, Any]:
    """What the network finds on eyes without lesions: mean share of the field of view, and share of eyes with any."""
    areas: dict[str, list[float]] = {lesion: [] for lesion in weights.card.network.lesions}
    for record in records:
        rgb = read_rgb(record.image)
        fov = find_field_of_view(rgb)
        maps = weights.lesion_maps(rgb, fov)
        total = fov.mask_for(rgb.shape).sum()
        for channel, lesion in enumerate(weights.card.network.lesions):
            areas[lesion].append(100.0 * float((maps[channel] >= thresholds[lesion]).sum()) / float(total))
    return {
        "images": len(records),
        "false_positive_area_percent": {lesion: _mean(values) for lesion, values in areas.items()},
        "eyes_with_false_positive": {lesion: _mean([v > 0 for v in values]) for lesion, values in areas.items()},
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan

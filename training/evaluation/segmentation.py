"""Lesion networks against outlined photographs, on the photographs' own pixel grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.field_of_view import FieldOfView, Rgb, find_field_of_view
from inference.lesions import LESIONS
from inference.preprocessing import crop_to_square
from training.datasets.masks import read_masks
from training.datasets.records import Record
from training.datasets.squares import read_rgb
from training.evaluation.weights import Weights
from training.metrics.bootstrap import ROUNDS, Interval, bootstrap_intervals
from training.metrics.detection import (
    FALSE_MARKS_PER_IMAGE,
    LesionCounts,
    count_lesions,
    froc_curve,
    froc_score,
    sensitivity_at,
)
from training.metrics.scores import ScoreHistogram, dice, iou

# Lesions are counted on the field of view at up to this side: a speck that covers less than half a pixel there is none.
COUNTING_SIDE: Final = 1440
CURVE_POINTS: Final = 41
MOST_MARKS: Final = 16  # false marks per photograph, up to which a card keeps the FROC curve
_MEANS: Final = ("ap", "dice", "dice_at_half", "dice_per_image", "iou", "iou_per_image", "froc_score")


@dataclass(frozen=True, slots=True)
class ImageScores:
    """One lesion kind in one photograph: its pixels by score, and its lesions by threshold."""

    pixels: ScoreHistogram
    lesions: LesionCounts


@dataclass(frozen=True, slots=True)
class LesionScores:
    """Scores per lesion kind and photograph, and whose photograph each is."""

    images: dict[str, list[ImageScores]]
    patients: list[str] = field(default_factory=list)

    def pooled(self, lesion: str) -> ScoreHistogram:
        """All photographs as one."""
        return ScoreHistogram.pooled(image.pixels for image in self.images[lesion])


@dataclass(frozen=True, slots=True)
class Seen:
    """A photograph with its true masks and the network's probabilities by lesion, all ``H x W`` on its own grid."""

    record: Record
    rgb: Rgb
    field_of_view: FieldOfView
    truth: dict[str, NDArray[np.bool_]]
    maps: dict[str, NDArray[np.float32]]


def look_at(weights: Weights, record: Record) -> Seen:
    """Read an outlined photograph and run the network on it."""
    rgb = read_rgb(record.image)
    fov = find_field_of_view(rgb)
    bits = read_masks(record, rgb.shape, fov)
    lesions = weights.card.network.lesions
    truth = {lesion: ((bits >> channel) & 1).astype(bool) for channel, lesion in enumerate(LESIONS)}
    maps = dict(zip(lesions, weights.lesion_maps(rgb, fov), strict=True))
    return Seen(record, rgb, fov, {lesion: truth[lesion] for lesion in lesions}, maps)  # type: ignore[index]


def collect_scores(
    weights: Weights, records: Sequence[Record], on_photograph: Callable[[Seen], None] | None = None
) -> LesionScores:
    """Run the network on every record; all must have masks. ``on_photograph`` is shown each."""
    scores = LesionScores({lesion: [] for lesion in weights.card.network.lesions})
    for record in records:
        seen = look_at(weights, record)
        inside = seen.field_of_view.mask_for(seen.rgb.shape)
        for lesion, own in seen.maps.items():
            pixels = ScoreHistogram()
            pixels.add(own[inside], seen.truth[lesion][inside])
            probability, truth = (_for_counting(layer, seen.field_of_view) for layer in (own, seen.truth[lesion]))
            scores.images[lesion].append(ImageScores(pixels, count_lesions(probability, truth >= 0.5)))
        scores.patients.append(f"{record.source}/{record.patient}")
        if on_photograph is not None:
            on_photograph(seen)
    return scores


def _for_counting(layer: NDArray[np.generic], fov: FieldOfView) -> NDArray[np.float32]:
    square = crop_to_square(layer, fov).astype(np.float32)
    side = min(COUNTING_SIDE, square.shape[0])
    return cast("NDArray[np.float32]", cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA))


def choose_thresholds(scores: LesionScores) -> dict[str, float]:
    """Per lesion, the threshold with the highest pooled Dice, to three digits."""
    return {lesion: round(scores.pooled(lesion).best_dice()[0], 3) for lesion in scores.images}


def lesion_figures(scores: LesionScores, thresholds: Mapping[str, float], rounds: int = ROUNDS) -> dict[str, Any]:
    """All figures per lesion and their means, each with its 95 % interval by bootstrap over patients.

    Per-image Dice and IoU are means over the photographs that have the lesion; on the others they are 0 or 1 by whether
    anything at all is marked, which ``presence_specificity`` tells.
    """
    tables = {lesion: _Table.of(images, thresholds[lesion]) for lesion, images in scores.images.items()}
    whole = {lesion: table.figures(np.arange(len(scores.patients))) for lesion, table in tables.items()}
    # A mean is over the lesions that occur at all; a round that misses one of them has no mean.
    counted = {name: [lesion for lesion in whole if not math.isnan(whole[lesion][name])] for name in _MEANS}

    def with_means(values: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        means = {name: _mean([values[lesion][name] for lesion in own]) for name, own in counted.items()}
        return values | {"mean": means}

    def drawn(indices: NDArray[np.int64]) -> dict[str, float]:
        values = with_means({lesion: table.figures(indices) for lesion, table in tables.items()})
        return {f"{lesion}/{name}": value for lesion, own in values.items() for name, value in own.items()}

    values = with_means(whole)
    intervals = bootstrap_intervals(drawn, scores.patients, rounds=rounds)
    figures: dict[str, Any] = {lesion: _with_intervals(lesion, own, intervals) for lesion, own in values.items()}
    for lesion, table in tables.items():
        figures[lesion] |= table.fixed()
    figures["images"] = len(scores.patients)
    figures["patients"] = len(set(scores.patients))
    figures["resolution"] = "original photographs, inside the field of view"
    return figures


def _with_intervals(lesion: str, values: Mapping[str, float], intervals: Mapping[str, Interval]) -> dict[str, Any]:
    named = {name: {name: value, f"{name}_interval": intervals[f"{lesion}/{name}"]} for name, value in values.items()}
    return {key: value for own in named.values() for key, value in own.items()}


@dataclass(frozen=True, slots=True)
class _Table:
    """One lesion kind at its threshold: what a bootstrap round needs of each photograph, worked out once.

    ``counts`` has true positives, false positives and false negatives, ``N x 3``, at the threshold and at .5.
    """

    images: list[ImageScores]
    threshold: float
    counts: dict[str, NDArray[np.int64]]

    @classmethod
    def of(cls, images: list[ImageScores], threshold: float) -> Self:
        cuts = {"": threshold, "_at_half": 0.5}
        counts = {name: np.array([each.pixels.confusion(cut) for each in images]) for name, cut in cuts.items()}
        return cls(images, threshold, counts)

    def figures(self, indices: NDArray[np.int64]) -> dict[str, float]:
        """Of the photographs ``indices``, which may name one several times."""
        tp, fp, fn = self.counts[""][indices].T
        present, marked = tp + fn > 0, tp + fp > 0
        figures = {
            "ap": ScoreHistogram.pooled(self.images[i].pixels for i in indices).average_precision(),
            "presence_sensitivity": _mean(marked[present]),
            "presence_specificity": _mean(~marked[~present]),
            "froc_score": froc_score([self.images[i].lesions for i in indices]),
        }
        for at, counts in self.counts.items():
            own = counts[indices]
            for name, overlap in (("dice", dice), ("iou", iou)):
                figures[f"{name}{at}"] = float(overlap(own.sum(axis=0)))
                figures[f"{name}_per_image{at}"] = _mean(overlap(own[present]))
        return figures

    def fixed(self) -> dict[str, Any]:
        """What needs no interval: protocol values, counts, and the points of the curves."""
        pooled = ScoreHistogram.pooled(image.pixels for image in self.images)
        counts = [image.lesions for image in self.images]
        curve = zip(*froc_curve(counts), strict=True) if any(each.lesions for each in counts) else ()
        return {
            "threshold": self.threshold,
            "aupr_33_points": pooled.aupr(33),
            "aupr_11_points": pooled.aupr(11),
            "lesions": sum(each.lesions for each in counts),
            "images_with_lesion": sum(bool(image.pixels.positives.any()) for image in self.images),
            "froc_sensitivities": [round(sensitivity_at(counts, marks), 4) for marks in FALSE_MARKS_PER_IMAGE],
            "froc_curve": sorted(set(_rounded(point for point in curve if point[0] <= MOST_MARKS))),
            "precision_recall_curve": _rounded(pooled.precision_recall(CURVE_POINTS)),
        }


def normal_figures(
    weights: Weights, records: Sequence[Record], thresholds: Mapping[str, float], rounds: int = ROUNDS
) -> dict[str, Any]:
    """What the network finds on eyes without lesions: mean share of the field of view, and share of eyes with any.

    Intervals by bootstrap over patients.
    """
    areas: dict[str, list[float]] = {lesion: [] for lesion in weights.card.network.lesions}
    for record in records:
        rgb = read_rgb(record.image)
        fov = find_field_of_view(rgb)
        maps = weights.lesion_maps(rgb, fov)
        total = fov.mask_for(rgb.shape).sum()
        for lesion, own in zip(areas, maps, strict=True):
            areas[lesion].append(100.0 * float((own >= thresholds[lesion]).sum()) / float(total))
    percent = {lesion: np.array(values) for lesion, values in areas.items()}
    patients = [f"{record.source}/{record.patient}" for record in records]
    intervals = bootstrap_intervals(
        lambda i: (
            {lesion: _mean(values[i]) for lesion, values in percent.items()}
            | {f"any/{lesion}": _mean(values[i] > 0) for lesion, values in percent.items()}
        ),
        patients,
        rounds=rounds,
    )
    return {
        "images": len(records),
        "patients": len(set(patients)),
        "false_positive_area_percent": {lesion: _mean(values) for lesion, values in percent.items()},
        "false_positive_area_percent_interval": {lesion: intervals[lesion] for lesion in percent},
        "eyes_with_false_positive": {lesion: _mean(values > 0) for lesion, values in percent.items()},
        "eyes_with_false_positive_interval": {lesion: intervals[f"any/{lesion}"] for lesion in percent},
    }


def _mean(values: Sequence[float] | NDArray[np.bool_] | NDArray[np.float64]) -> float:
    """The mean; nan of nothing, and where one value is nan."""
    return float(np.mean(values)) if len(values) else math.nan


def _rounded(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(round(float(x), 4), round(float(y), 4)) for x, y in points]

"""The connected areas of a lesion mask, found by its runs: in a tenth of the time of labelling every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.runs import Ints, Runs, places_of, runs_of


@dataclass(frozen=True, slots=True)
class Regions:
    """Areas whose pixels touch by side or corner, in the order of their first pixels, row by row."""

    areas: Ints
    """``n``, in pixels."""
    boxes: Ints
    """``n x 4``: x, y, width, height."""
    centres: NDArray[np.float64]
    """``n x 2``: the mean x and y of the pixels."""
    peaks: NDArray[np.uint8]
    """``n``: the highest value in each area; empty where no values were given."""
    runs: Runs
    """Of the mask."""


def find_regions(
    mask: NDArray[np.bool_] | Runs,
    place: tuple[slice, slice] | None = None,
    values: NDArray[np.uint8] | None = None,
) -> Regions:
    """Of a bool HxW mask or its runs; `values` are those of its part `place` (rows, columns), all else is empty."""
    runs = mask if isinstance(mask, Runs) else runs_of(mask)
    rows, left, right, lengths = runs.rows, runs.left, runs.right, runs.lengths
    count, labels = _joined(rows, left, right, pitch=runs.shape[1] + 2)
    areas = np.bincount(labels, lengths, count)
    x = np.bincount(labels, lengths * (left + right - 1) / 2, count) / areas
    y = np.bincount(labels, lengths * rows, count) / areas
    low = np.full((count, 2), max(runs.shape), np.int64)
    high = np.zeros((count, 2), np.int64)
    np.minimum.at(low, labels, np.stack([left, rows], axis=1))
    np.maximum.at(high, labels, np.stack([right, rows + 1], axis=1))
    peaks = np.zeros(0 if values is None else count, np.uint8)
    if place is not None and values is not None and count:
        np.maximum.at(peaks, labels, _highest(values, rows - place[0].start, left - place[1].start, lengths))
    boxes = np.concatenate([low, high - low], axis=1)
    return Regions(areas.astype(np.int64), boxes, np.stack([x, y], axis=1), peaks, runs)


def _highest(values: NDArray[np.uint8], rows: Ints, left: Ints, lengths: Ints) -> NDArray[np.uint8]:
    """In each run."""
    starts = np.cumsum(lengths) - lengths
    return np.maximum.reduceat(values[np.repeat(rows, lengths), places_of(left, lengths)], starts)


def _joined(rows: Ints, left: Ints, right: Ints, pitch: int) -> tuple[int, NDArray[np.int32]]:
    """How many areas the runs make, and to which of them each run belongs."""
    from scipy.sparse import coo_array  # here: web processes start without it
    from scipy.sparse.csgraph import connected_components

    starts, stops = rows * pitch + left, rows * pitch + right
    # Of the row above, the runs that reach the pixel before this run's first, up to the pixel after its last.
    first = np.searchsorted(stops, starts - pitch, side="left")
    number = np.maximum(np.searchsorted(starts, stops - pitch, side="right") - first, 0)
    below = np.repeat(np.arange(len(rows)), number)
    above = np.arange(len(below)) + np.repeat(first - np.cumsum(number) + number, number)
    touching = coo_array((np.ones(len(below), np.bool_), (below, above)), shape=(len(rows), len(rows)))
    count, labels = connected_components(touching, directed=False)
    return int(count), labels

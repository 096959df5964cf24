"""A lesion mask as its runs: the stretches of lesion pixels in each row.

Lesions are a small part of a photograph: a few thousand runs say what 12 million pixels do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs of a mask, row by row, each from the left; those of one row do not touch."""

    shape: tuple[int, int]
    """Of the mask: height, width."""
    rows: Ints
    """``n``: the row of each run."""
    left: Ints
    """``n``: its first column."""
    right: Ints
    """``n``: the column after its last."""

    @property
    def lengths(self) -> Ints:
        """``n``, in pixels."""
        return self.right - self.left

    @classmethod
    def none(cls, shape: tuple[int, int]) -> Runs:
        """Of an empty mask."""
        return cls(shape, *(np.zeros(0, np.int64) for _field in range(3)))

    def placed(self, shape: tuple[int, int], top: int, left: int) -> Runs:
        """Those of a mask of `shape` of which this one is the part that begins at row `top` and column `left`."""
        return Runs(shape, self.rows + top, self.left + left, self.right + left)

    def between(self, first: Ints, last: Ints) -> Runs:
        """What lies in the columns from `first` up to before `last`, which are given for each run."""
        left, right = np.maximum(self.left, first), np.minimum(self.right, last)
        kept = left < right
        return Runs(self.shape, self.rows[kept], left[kept], right[kept])


def packed(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A bool HxW mask with eight pixels a byte, the first in the highest bit; each row begins with an empty byte."""
    height, width = mask.shape
    rows = np.zeros((height, 1 + (width + 7) // 8), np.uint8)
    rows[:, 1:] = np.packbits(mask, axis=1)
    return rows


def runs_of(mask: NDArray[np.bool_]) -> Runs:
    """Of a bool HxW mask; packed first, which spares looking at every pixel."""
    return runs_of_packed(packed(mask), mask.shape[1])


def runs_of_packed(rows: NDArray[np.uint8], width: int) -> Runs:
    """Of a mask as `packed` makes it.

    A tenth of the time that it takes to unpack the pixels. Bits beyond `width` count for nothing.
    """
    height, stride = rows.shape
    flat = np.zeros(rows.size // 8 * 8 + 16, np.uint8)
    flat[: rows.size] = rows.reshape(-1)
    if unused := 8 * (stride - 1) - width:
        flat[stride - 1 : rows.size : stride] &= 0xFF << unused & 0xFF
    # Few bytes matter: looked at are groups of eight with lesion in them, and the next group, in which it may end.
    groups = flat.view(np.uint64) != 0
    groups[1:] |= groups[:-1].copy()
    near = (8 * np.flatnonzero(groups)[:, None] + np.arange(8)).reshape(-1)
    here, before = flat[near], flat[near - 1]  # before the very first byte comes the last, which is empty
    changes = np.bitwise_xor(here ^ (here >> 1), before << 7, dtype=np.uint8)  # of each pixel from the one before it
    places = (8 * near[:, None] + np.arange(8))[np.unpackbits(changes).reshape(-1, 8).view(np.bool_)]
    row, left = np.divmod(places[::2], 8 * stride)
    return Runs((height, width), row, left - 8, left - 8 + places[1::2] - places[::2])


def packed_runs(runs: Runs) -> NDArray[np.uint8]:
    """As `packed`, of the mask with these runs, without looking at its pixels."""
    height, width = runs.shape
    rows = np.zeros((height, 1 + (width + 7) // 8), np.uint8)
    flat = rows.reshape(-1)
    first, last = (runs.rows * rows.shape[1] + 1 + ends // 8 for ends in (runs.left, runs.right - 1))
    head = (0xFF >> runs.left % 8).astype(np.uint8)
    tail = (0xFF << 7 - (runs.right - 1) % 8 & 0xFF).astype(np.uint8)
    short = first == last
    np.bitwise_or.at(flat, first, np.where(short, head & tail, head))  # runs share bytes
    np.bitwise_or.at(flat, last[~short], tail[~short])
    flat[places_of(first + 1, np.maximum(last - first - 1, 0))] = 0xFF
    return rows


def mask_of(runs: Runs) -> NDArray[np.bool_]:
    """The bool HxW mask with these runs."""
    return unpacked(packed_runs(runs), runs.shape[1])


def unpacked(rows: NDArray[np.uint8], width: int) -> NDArray[np.bool_]:
    """The bool HxW mask that `packed` made `rows` of."""
    return np.unpackbits(rows[:, 1:], axis=1, count=width).view(np.bool_)


def places_of(starts: Ints, lengths: Ints) -> Ints:
    """The places of stretches, one after the other: ``start, start + 1, ...`` of each."""
    begins = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) - np.repeat(begins - starts, lengths)

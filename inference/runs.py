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


def runs_of(mask: NDArray[np.bool_]) -> Runs:
    """Of a bool HxW mask."""
    if mask[:, [0, -1]].any():  # runs that touch the edge would go on in the next row
        runs = runs_of(np.pad(mask, ((0, 0), (1, 1))))
        return Runs((mask.shape[0], mask.shape[1]), runs.rows, runs.left - 1, runs.right - 1)
    flat = mask.reshape(-1)
    rows, columns = np.divmod(np.flatnonzero(flat[1:] != flat[:-1]) + 1, mask.shape[1])
    return Runs((mask.shape[0], mask.shape[1]), rows[::2], columns[::2], columns[1::2])


def runs_of_packed(packed: NDArray[np.uint8], width: int) -> Runs:
    """Of a mask of eight pixels a byte, the first in the highest bit; each row begins with an empty byte.

    A tenth of the time that it takes to unpack the pixels. Bits beyond `width` count for nothing.
    """
    height, stride = packed.shape
    flat = np.zeros(packed.size // 8 * 8 + 16, np.uint8)
    flat[: packed.size] = packed.reshape(-1)
    if unused := 8 * (stride - 1) - width:
        flat[stride - 1 : packed.size : stride] &= 0xFF << unused & 0xFF
    # Few bytes matter: looked at are groups of eight with lesion in them, and the next group, in which it may end.
    groups = flat.view(np.uint64) != 0
    groups[1:] |= groups[:-1].copy()
    near = (8 * np.flatnonzero(groups)[:, None] + np.arange(8)).reshape(-1)
    here, before = flat[near], flat[near - 1]  # before the very first byte comes the last, which is empty
    changes = np.bitwise_xor(here ^ (here >> 1), before << 7, dtype=np.uint8)  # of each pixel from the one before it
    places = (8 * near[:, None] + np.arange(8))[np.unpackbits(changes).reshape(-1, 8).view(np.bool_)]
    rows, left = np.divmod(places[::2], 8 * stride)
    return Runs((height, width), rows, left - 8, left - 8 + places[1::2] - places[::2])


def places_of(starts: Ints, lengths: Ints) -> Ints:
    """The places of stretches, one after the other: ``start, start + 1, ...`` of each."""
    begins = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) - np.repeat(begins - starts, lengths)

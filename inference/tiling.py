"""A lesion network on more pixels than its input has: overlapping tiles, blended; and the mean over mirror images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Detail = Literal["standard", "high"]
DETAILS: Final[tuple[Detail, ...]] = ("standard", "high")

# The axes along which a picture is turned over for each of its mirror images; first, the picture itself.
MIRRORS: Final[tuple[tuple[int, ...], ...]] = ((), (-1,), (-2,), (-2, -1))
HALF_TURN: Final = (MIRRORS[0], MIRRORS[-1])
OVERLAP: Final = 0.25  # share of a tile's side, at least
HIGH_SCALE: Final = 1.5  # validation finds less at 1.75; two tiles a side cover it: four runs of the network, not nine


def outlined(
    network: Callable[[FloatArray], FloatArray],
    pixels: Callable[[int], FloatArray],
    side: int,
    tile: int,
    detail: Detail,
) -> FloatArray:
    """Lesion probabilities, C x S x S, of a field of view of ``side`` pixels by a ``network`` as `tiled` takes it.

    ``pixels`` gives the field of view, 3 x S x S, at the number of pixels that it is asked for. ``standard`` is the
    network's own scale. ``high`` is the mean of that, which tells large lesions, and of tiles at up to `HIGH_SCALE`
    times the scale, which tell small ones; never at more pixels than the photograph has.
    """
    whole = network(pixels(tile)[None])
    fine_side = pixels_seen(side, tile, detail)
    if fine_side == tile:
        return whole
    fine = tiled(network, pixels(fine_side), tile)
    fine += np.stack([cv2.resize(grid, (fine_side, fine_side), interpolation=cv2.INTER_LINEAR) for grid in whole])
    fine /= 2
    return fine


def pixels_seen(side: int, tile: int, detail: Detail) -> int:
    """How many of the ``side`` pixels of a field of view `outlined` shows to a network of input size ``tile``."""
    return tile if detail == "standard" else max(tile, min(side, int(HIGH_SCALE * tile)))


def tiled(network: Callable[[FloatArray], FloatArray], pixels: FloatArray, tile: int) -> FloatArray:
    """Run ``network`` (1 x 3 x tile x tile to C x tile x tile probabilities) over 3 x H x W: C x H x W probabilities.

    Tiles are spread evenly and overlap by at least `OVERLAP`. Each counts by a Hann window, which falls to zero at the
    tile's edges: neither a step between tiles nor what a network makes of a cut-off border can be seen in the result.
    """
    height, width = pixels.shape[-2:]
    if (height, width) == (tile, tile):
        return network(pixels[None])
    if min(height, width) < tile:
        raise ValueError(f"{height} x {width} pixels are fewer than one tile of {tile} x {tile}")
    ramp = np.sin(np.pi * (np.arange(tile, dtype=np.float32) + 0.5) / tile) ** 2
    window = np.outer(ramp, ramp).astype(np.float32)
    total = np.zeros((height, width), np.float32)
    sums: list[FloatArray] = []
    for top, left in product(_starts(height, tile), _starts(width, tile)):
        place = (..., slice(top, top + tile), slice(left, left + tile))
        found = network(np.ascontiguousarray(pixels[place])[None])
        sums = sums or [np.zeros((height, width), np.float32) for _ in found]
        for channel, values in zip(sums, found, strict=True):
            channel[place] += values * window
        total[place] += window
    return cast(FloatArray, np.stack(sums) / total)


def mirrors_for(*, half_turn: bool, flips: bool) -> Sequence[tuple[int, ...]]:
    """The mirror images over which a network is averaged: all four, itself and its half turn, or itself alone."""
    if flips:
        return MIRRORS
    return HALF_TURN if half_turn else MIRRORS[:1]


def averaged(
    network: Callable[[FloatArray], FloatArray], mirrors: Sequence[tuple[int, ...]]
) -> Callable[[FloatArray], FloatArray]:
    """The mean of what ``network`` (see `tiled`) says of a picture turned over along each of ``mirrors``.

    The first mirror image is the picture itself; ``network`` leaves each answer to the caller, who adds up in it.
    """
    if len(mirrors) == 1:
        return network

    def mean(batch: FloatArray) -> FloatArray:
        total = network(batch)
        for axes in mirrors[1:]:
            total += np.flip(network(np.ascontiguousarray(np.flip(batch, axes))), axes)
        total /= len(mirrors)
        return total

    return mean


def _starts(length: int, tile: int) -> list[int]:
    steps = math.ceil((length - tile) / (tile * (1 - OVERLAP)))
    return [round(step * (length - tile) / steps) for step in range(steps + 1)] if steps else [0]

"""From a photograph to a network's input and back.

Every network sees the field of view on a black square, scaled to one side length: a microaneurysm then has about the
same size in pixels whatever the camera. Training uses these same functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.field_of_view import FieldOfView, Rgb

FloatArray = NDArray[np.float32]
Grid = NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a square network input of side ``size`` lies on the original photograph.

    The square covers ``[x0, x0 + side) x [y0, y0 + side)`` in original pixels; it may reach outside the picture.
    """

    x0: int
    y0: int
    side: int
    size: int

    def to_original(self, maps: Grid, original_shape: tuple[int, ...]) -> Grid:
        """Carry ``C x size x size`` maps (float or uint8) to the original's ``C x H x W`` grid; 0 outside."""
        result = np.zeros((maps.shape[0], *original_shape[:2]), dtype=maps.dtype)
        square = np.empty((self.side, self.side), dtype=maps.dtype)  # written anew by each channel
        for channel, grid in enumerate(maps):
            place, values = self.enlarged(grid, original_shape, square)
            result[channel][place] = values
        return result

    def enlarged(
        self,
        grid: Grid,
        original_shape: tuple[int, ...],
        buffer: Grid | None = None,
        around: NDArray[np.bool_] | None = None,
    ) -> tuple[tuple[slice, slice], NDArray[np.generic]]:
        """The part of the original that a ``size x size`` grid covers, and its values there: a view of ``buffer``.

        ``buffer`` is ``side x side`` of the grid's type; without one, new memory is taken. Of ``around``, which has a
        cell True, only the rows and columns from the first such cell to the last are given, and what they run into.
        """
        square = cv2.resize(grid, (self.side, self.side), dst=buffer, interpolation=cv2.INTER_LINEAR)
        height, width = original_shape[:2]
        rows, columns = (self._reached(around, axis) for axis in (1, 0))
        top, bottom = max(0, self.y0 + rows[0]), min(height, self.y0 + rows[1])
        left, right = max(0, self.x0 + columns[0]), min(width, self.x0 + columns[1])
        values = square[top - self.y0 : bottom - self.y0, left - self.x0 : right - self.x0]
        return (slice(top, bottom), slice(left, right)), values

    def _reached(self, cells: NDArray[np.bool_] | None, axis: int) -> tuple[int, int]:
        """First and last pixel of the square, half open, that scaling makes from such cells along the other axis."""
        if cells is None:
            return 0, self.side
        found = np.flatnonzero(cells.any(axis=axis))
        pixels = self.side / len(cells)
        return max(0, math.floor((found[0] - 1) * pixels)), min(self.side, math.ceil((found[-1] + 2) * pixels))


def square_geometry(fov: FieldOfView, size: int, *, reduced: int = 1) -> Geometry:
    """The smallest square of even side around the field-of-view box, to be scaled to ``size`` pixels.

    Its corners lie between the pixels of a copy of the photograph that is ``reduced`` times smaller.
    """
    x0, y0, x1, y1 = fov.box
    side = max(x1 - x0, y1 - y0) + reduced - 1
    side += -side % (2 * reduced)  # so that `Pyramid` can halve it
    left, top = x0 - (side - (x1 - x0)) // 2, y0 - (side - (y1 - y0)) // 2
    return Geometry(x0=left - left % reduced, y0=top - top % reduced, side=side, size=size)


def crop_to_square(image: NDArray[np.generic], fov: FieldOfView, *, reduced: int = 1) -> NDArray[np.generic]:
    """Cut the field of view out of an ``H x W`` or ``H x W x C`` array, padded with zeros to a square.

    ``image`` may be a copy of the photograph that is ``reduced`` times smaller; ``fov`` is in the photograph's pixels.
    """
    geometry = square_geometry(fov, size=1, reduced=reduced)
    x0, y0 = fov.box[0] // reduced, fov.box[1] // reduced
    x1, y1 = -(-fov.box[2] // reduced), -(-fov.box[3] // reduced)
    left, top, side = geometry.x0 // reduced, geometry.y0 // reduced, geometry.side // reduced
    square = np.zeros((side, side, *image.shape[2:]), dtype=image.dtype)
    square[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return square


class Pyramid:
    """A square photograph at full size and at its halves, each made when it is first needed, for several networks.

    Halving is exact and several times as quick as scaling by an odd factor, which then has a quarter of the pixels.
    The largest that is there may be ``reduced`` times smaller than the photograph.
    """

    def __init__(self, square: Rgb, *, reduced: int = 1) -> None:
        self._levels = [square]
        self.side = int(square.shape[0]) * reduced
        """Of the square, in pixels of the photograph."""

    def scaled(self, size: int) -> Rgb:
        """At ``size`` pixels a side: area averaging when shrinking, so that small lesions fade but never vanish."""
        level = self._level_for(size)
        if level.shape[0] == size:
            return level
        method = cv2.INTER_AREA if size < level.shape[0] else cv2.INTER_LINEAR
        return cast(Rgb, cv2.resize(level, (size, size), interpolation=method))

    def _level_for(self, size: int) -> Rgb:
        """The smallest half that is no smaller than ``size``."""
        number = 0
        while True:
            side = self._levels[number].shape[0]
            if side % 2 or side // 2 < size:
                return self._levels[number]
            number += 1
            if number == len(self._levels):
                half = cv2.resize(self._levels[-1], (side // 2, side // 2), interpolation=cv2.INTER_AREA)
                self._levels.append(cast(Rgb, half))


def resize_square(square: Rgb, size: int) -> Rgb:
    """Scale a square photograph as `Pyramid` does."""
    return Pyramid(square).scaled(size)


def normalise(square: Rgb, mean: Sequence[float], std: Sequence[float]) -> FloatArray:
    """``S x S x 3`` uint8 to ``3 x S x S`` float32: ``(x / 255 - mean) / std`` per channel."""
    options = cv2.dnn.Image2BlobParams()
    options.mean = tuple(255 * value for value in mean)
    options.scalefactor = tuple(1 / (255 * value) for value in std)
    return cast(FloatArray, cv2.dnn.blobFromImageWithParams(square, options)[0])


def to_network(
    rgb: Rgb, fov: FieldOfView, size: int, mean: Sequence[float], std: Sequence[float]
) -> tuple[FloatArray, Geometry]:
    """Prepare a photograph for a network: ``1 x 3 x size x size`` float32, and the way back."""
    square = resize_square(cast(Rgb, crop_to_square(rgb, fov)), size)
    return normalise(square, mean, std)[None], square_geometry(fov, size)

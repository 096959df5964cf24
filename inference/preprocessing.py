"""From a photograph to a network's input and back.

Every network sees the field of view on a black square, scaled to one side length: a microaneurysm then has about the
same size in pixels whatever the camera. Training uses these same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.field_of_view import FieldOfView, Rgb

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a square network input of side ``size`` lies on the original photograph.

    The square covers ``[x0, x0 + side) x [y0, y0 + side)`` in original pixels; it may reach outside the picture.
    """

    x0: int
    y0: int
    side: int
    size: int

    def to_original(self, maps: NDArray[np.generic], original_shape: tuple[int, ...]) -> NDArray[np.generic]:
        """Carry ``C x size x size`` maps (float or uint8) to the original's ``C x H x W`` grid; 0 outside."""
        height, width = original_shape[:2]
        result = np.zeros((maps.shape[0], height, width), dtype=maps.dtype)
        left, top = max(0, self.x0), max(0, self.y0)
        right, bottom = min(width, self.x0 + self.side), min(height, self.y0 + self.side)
        for channel in range(maps.shape[0]):
            square = cv2.resize(maps[channel], (self.side, self.side), interpolation=cv2.INTER_LINEAR)
            result[channel, top:bottom, left:right] = square[
                top - self.y0 : bottom - self.y0, left - self.x0 : right - self.x0
            ]
        return result


def square_geometry(fov: FieldOfView, size: int) -> Geometry:
    """The smallest square around the field-of-view box, to be scaled to ``size`` pixels."""
    x0, y0, x1, y1 = fov.box
    side = max(x1 - x0, y1 - y0)
    return Geometry(x0=x0 - (side - (x1 - x0)) // 2, y0=y0 - (side - (y1 - y0)) // 2, side=side, size=size)


def crop_to_square(image: NDArray[np.generic], fov: FieldOfView) -> NDArray[np.generic]:
    """Cut the field of view out of an ``H x W`` or ``H x W x C`` array, padded with zeros to a square."""
    geometry = square_geometry(fov, size=1)
    x0, y0, x1, y1 = fov.box
    square = np.zeros((geometry.side, geometry.side, *image.shape[2:]), dtype=image.dtype)
    square[y0 - geometry.y0 : y1 - geometry.y0, x0 - geometry.x0 : x1 - geometry.x0] = image[y0:y1, x0:x1]
    return square


def resize_square(square: Rgb, size: int) -> Rgb:
    """Scale a square photograph: area averaging when shrinking, so that small lesions fade but never vanish."""
    shrinking = size < square.shape[0]
    return cast(Rgb, cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR))


def normalise(square: Rgb, mean: Sequence[float], std: Sequence[float]) -> FloatArray:
    """``S x S x 3`` uint8 to ``3 x S x S`` float32: ``(x / 255 - mean) / std`` per channel."""
    scale = 1.0 / (255.0 * np.asarray(std, dtype=np.float32))
    offset = np.asarray(mean, dtype=np.float32) / np.asarray(std, dtype=np.float32)
    return np.ascontiguousarray((square.astype(np.float32) * scale - offset).transpose(2, 0, 1))


def to_network(
    rgb: Rgb, fov: FieldOfView, size: int, mean: Sequence[float], std: Sequence[float]
) -> tuple[FloatArray, Geometry]:
    """Prepare a photograph for a network: ``1 x 3 x size x size`` float32, and the way back."""
    square = resize_square(cast(Rgb, crop_to_square(rgb, fov)), size)
    return normalise(square, mean, std)[None], square_geometry(fov, size)

"""The field of view on a small square: what classical image analysis looks at, the same size whatever the camera."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.field_of_view import FieldOfView, Rgb
from inference.preprocessing import square_geometry
from inference.smoothing import Channel, Smoother

SIDE = 400
"""Pixels a side: an optic disc is then about 60 pixels wide, a large vessel 4."""

_BACKGROUND = 0.1  # sigma of the uneven light, as a share of the view's side
_DARK = 4.0  # grey levels added to a mean before dividing by it: dark frames do not become all noise


@dataclass(frozen=True)
class FieldView:
    """`rgb` is uint8 SxSx3, black outside the field of view; `inside` is uint8 SxS, 1 inside it."""

    rgb: Rgb = field(repr=False)
    inside: NDArray[np.uint8] = field(repr=False)
    left: float
    top: float
    scale: float
    """Pixels of the view per pixel of the photograph; `left` and `top` are the view's corner there."""

    @property
    def side(self) -> int:
        """Pixels."""
        return int(self.rgb.shape[0])

    def to_photograph(self, x: float, y: float) -> tuple[float, float]:
        """A point of the view in pixels of the photograph."""
        return self.left + (x + 0.5) / self.scale, self.top + (y + 0.5) / self.scale

    def to_view(self, x: float, y: float) -> tuple[float, float]:
        """A point of the photograph in pixels of the view."""
        return (x - self.left) * self.scale - 0.5, (y - self.top) * self.scale - 0.5

    def shrunk(self, side: int) -> FieldView:
        """The same on `side` pixels."""
        rgb = cast(Rgb, cv2.resize(self.rgb, (side, side), interpolation=cv2.INTER_AREA))
        inside = cast(NDArray[np.uint8], cv2.resize(self.inside, (side, side), interpolation=cv2.INTER_NEAREST))
        return FieldView(rgb, inside, self.left, self.top, self.scale * side / self.side)

    @cached_property
    def core(self) -> NDArray[np.uint8]:
        """`inside` without its rim, which is bright or dark by accident."""
        width = max(3, round(0.05 * self.side)) | 1
        bordered = cv2.copyMakeBorder(self.inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        eroded = cv2.erode(bordered, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
        return cast(NDArray[np.uint8], eroded[1:-1, 1:-1])

    def evened(self, channel: Channel) -> Channel:
        """`channel` (SxS) in units of its local mean, so that uneven light is gone; 1 outside the field of view."""
        background = self.smooth(channel, _BACKGROUND * self.side) + _DARK
        return np.where(self.inside, channel / background, 1).astype(np.float32)

    @cached_property
    def smooth(self) -> Smoother:
        """Gaussian blur of a channel (SxS) by a sigma in pixels that does not let the dark frame in."""
        return Smoother(self.inside)


def field_view(rgb: Rgb, fov: FieldOfView, side: int = SIDE, *, copied_at: float = 1.0) -> FieldView:
    """Cut the field of view (`fov`) out of a photograph (uint8 HxWx3) and scale it to `side` pixels.

    Where `rgb` is a smaller copy, in whose pixels `fov` is, `copied_at` is its scale: < 1.
    """
    geometry = square_geometry(fov, side)
    x0, y0, x1, y1 = fov.box
    scale = side / geometry.side
    size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    step = max(1, geometry.side // (3 * side))  # enough pixels for an average, at a fraction of the time
    part = rgb[y0:y1:step, x0:x1:step]
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale * step < 1 else cv2.INTER_LINEAR)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + size[1], left : left + size[0]] = small
    x, y = (fov.centre[0] - x0) * scale + left, (fov.centre[1] - y0) * scale + top
    columns, rows = np.arange(side) + 0.5, np.arange(side)[:, None] + 0.5
    inside = (columns - x) ** 2 + (rows - y) ** 2 <= (fov.radius * scale) ** 2
    inside &= (columns > left) & (columns < left + size[0]) & (rows > top) & (rows < top + size[1])
    square[~inside] = 0
    return FieldView(
        rgb=square,
        inside=inside.astype(np.uint8),
        left=(x0 - left / scale) / copied_at,
        top=(y0 - top / scale) / copied_at,
        scale=scale * copied_at,
    )

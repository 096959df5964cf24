"""Is this picture a fundus photograph at all? Asked at upload, so by classical features alone: 10 ms, no network.

A photograph of a dog must not get a grade; a real fundus photograph, however dark or blurred, must not be turned away.
So each limit below lies just outside what 1,362 real photographs show (IDRiD, EyePACS, normal eyes, scikit-image's
retina; desktop and hand-held cameras, dark and ungradable frames among them), and a picture is refused only where it
passes one. Whether a fundus photograph is good enough to be graded is another question, asked by the analysis.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.errors import ImageRejected, gettext_noop
from inference.field_of_view import FieldOfView, brightest
from inference.smoothing import Channel, Smoother

_SIDE = 256  # the longer side, in pixels, at which the picture is looked at
_CORE = 0.92  # share of the radius: the rim of the field of view is bright or dark by accident
_FLOOR = 4.0  # grey levels added to a mean before dividing by it, so that dark frames do not become all noise


@dataclass(frozen=True, slots=True)
class Appearance:
    """What the field of view looks like at 256 pixels; brightness is in units of the channel's mean there."""

    saturation: float
    """Median, 0-255."""
    hue: float
    """Median, in OpenCV's half degrees, red at 0: -90 ... 90."""
    warm: float
    """Share of pixels with red >= green >= blue, about."""
    frame: float
    """Brightness, 0-255, outside the field of view (75th percentile); 0 where there is no outside."""
    vessels: float
    """98th percentile of dark line strength in green: 0 for flat colour."""
    red_texture: float
    """Median gradient of red: the retina is smooth but for its vessels."""
    texture_in_vessels: float
    """Red texture per line strength: line art and plain text have lines on perfectly even ground."""
    green_clutter: float
    red_clutter: float
    """Detail finer than 1/50 of the picture, by the square of dark against bright lines: on a retina dark lines win."""
    shading: float
    """Large-scale light against detail in green: a retina is lit unevenly and has little detail."""


LIMITS: dict[str, tuple[float, float]] = {
    "saturation": (20.0, 255.0),
    "hue": (-8.0, 42.0),
    "warm": (0.40, 1.0),
    "frame": (0.0, 90.0),
    "vessels": (0.0015, 0.068),
    "red_texture": (0.0, 0.0255),
    "texture_in_vessels": (0.10, inf),
    "green_clutter": (0.0, 0.165),
    "red_clutter": (0.0, 0.120),
    "shading": (1.20, inf),
}


def check_is_fundus(rgb: NDArray[np.uint8], fov: FieldOfView) -> None:
    """Raise ImageRejected (not_fundus) where the picture (uint8 HxWx3) cannot be a colour fundus photograph."""
    appearance = measure_appearance(rgb, fov)
    if appearance is None or unlike_fundus(appearance):
        raise ImageRejected(
            "not_fundus",
            gettext_noop(
                "The picture does not look like a colour photograph of the retina: "
                "check that the right file was chosen, or take the photograph again."
            ),
        )


def unlike_fundus(appearance: Appearance) -> list[str]:
    """The names of the features that no fundus photograph has."""
    return [
        feature.name
        for feature in fields(appearance)
        if not LIMITS[feature.name][0] <= getattr(appearance, feature.name) <= LIMITS[feature.name][1]
    ]


def measure_appearance(rgb: NDArray[np.uint8], fov: FieldOfView) -> Appearance | None:
    """Look at the field of view; None where it is too small a part of the picture to be looked at."""
    x0, y0, x1, y1 = fov.box
    scale = _SIDE / max(x1 - x0, y1 - y0)
    size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    step = max(1, max(x1 - x0, y1 - y0) // (4 * _SIDE))  # enough pixels for an average, at a tenth of the time
    small = cv2.resize(rgb[y0:y1:step, x0:x1:step], size, interpolation=cv2.INTER_AREA)
    core = _disc(size, (fov.centre[0] - x0) * scale, (fov.centre[1] - y0) * scale, _CORE * fov.radius * scale)
    blurred = Smoother(core)
    inner = cv2.erode(core, np.ones((9, 9), np.uint8)) > 0
    if inner.sum() < size[0] * size[1] / 4:
        return None
    lit = core > 0
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)[lit].astype(np.float32)
    red, green, blue = (small[..., channel].astype(np.float32) for channel in range(3))
    warm = (red >= green - 2) & (green >= blue - 6)
    red, green = red / (red[lit].mean() + _FLOOR), green / (green[lit].mean() + _FLOOR)
    red_smooth, green_smooth = blurred(red, 1), blurred(green, 1)
    gradient = cv2.magnitude(*(cv2.Sobel(red_smooth, cv2.CV_32F, dx, 1 - dx) / 8 for dx in (1, 0)))
    dark_lines, bright_lines = _line_strengths(blurred(green, 2), inner)
    darkness_of_lines = max(dark_lines / (bright_lines + 1e-4), 1e-2) ** 2
    red_texture = float(np.median(gradient[inner]))
    green_detail = float((green_smooth - blurred(green, 5))[inner].std())
    red_detail = float((red_smooth - blurred(red, 5))[inner].std())
    return Appearance(
        saturation=float(np.median(hsv[:, 1])),
        hue=float(np.median((hsv[:, 0] + 90) % 180 - 90)),
        warm=float(warm[lit].mean()),
        frame=_frame_brightness(rgb, fov),
        vessels=dark_lines,
        red_texture=red_texture,
        texture_in_vessels=red_texture / (dark_lines + 2e-3),
        green_clutter=green_detail / darkness_of_lines,
        red_clutter=red_detail / darkness_of_lines,
        shading=float(blurred(green, 20)[inner].std()) / (green_detail + 2e-3),
    )


def _disc(size: tuple[int, int], x: float, y: float, radius: float) -> NDArray[np.uint8]:
    columns, rows = np.arange(size[0]), np.arange(size[1])[:, None]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 <= radius**2, dtype=np.uint8)


def _line_strengths(green: Channel, inner: NDArray[np.bool_]) -> tuple[float, float]:
    """98th percentiles of dark and of bright line strength, by the eigenvalues of the Hessian (Frangi et al. 1998)."""
    xx, yy, xy = (cv2.Sobel(green, cv2.CV_32F, dx, 2 - dx, ksize=5) / 64 for dx in (2, 0, 1))
    half_gap = cv2.magnitude((xx - yy) / 2, xy)
    largest, smallest = (xx + yy) / 2 + half_gap, (xx + yy) / 2 - half_gap
    dark = np.where((largest > 0) & (np.abs(smallest) < largest / 2), largest, 0)
    bright = np.where((smallest < 0) & (np.abs(largest) < -smallest / 2), -smallest, 0)
    return float(np.percentile(dark[inner], 98)), float(np.percentile(bright[inner], 98))


def _frame_brightness(rgb: NDArray[np.uint8], fov: FieldOfView) -> float:
    step = max(1, max(rgb.shape[:2]) // 512)
    sampled = rgb[::step, ::step]
    columns, rows = np.arange(sampled.shape[1]) * step, np.arange(sampled.shape[0])[:, None] * step
    x0, y0, x1, y1 = fov.box
    inside = (columns - fov.centre[0]) ** 2 + (rows - fov.centre[1]) ** 2 <= fov.radius**2
    inside &= (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
    outside = brightest(sampled)[~inside]
    return float(np.percentile(outside, 75)) if len(outside) > 100 else 0.0

"""Where the retina is in a fundus photograph: the lit disc inside the dark frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# The search runs on a copy this large: the border of the disc is then known to about 1 part in 500.
_SEARCH_SIDE = 512
# A pixel is lit when its brightest channel passes the background by this share of the picture's bright level ...
_LIT_SHARE = 0.10
# ... and by at least this many grey levels, which is above JPEG ringing on black.
_LIT_MINIMUM = 6.0
# Lit areas smaller than this share of the picture are no field of view: the whole picture is used.
_SMALLEST_AREA = 0.08
# A row or column belongs to the disc when at least this share of it is lit: drops the alignment notch and stray text.
_LINE_SHARE = 0.03
# A circle is believed when its radius is in this range of half the longer box side (1 = the box encloses the disc;
# more where the disc is clipped on all sides) and its outline misses the lit border by no more than 3 % of the radius.
_RADIUS_RANGE = (0.92, 1.5)
_CIRCLE_RESIDUAL = 0.03


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """The retina's place in a photograph, in pixels of the original.

    ``box`` is ``(x0, y0, x1, y1)``, half open. ``centre`` (x, y) and ``radius`` describe the camera's round aperture,
    which may reach outside ``box`` where the sensor clipped it.
    """

    box: tuple[int, int, int, int]
    centre: tuple[float, float]
    radius: float

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]

    def enlarged(self, shape: tuple[int, ...], whole: tuple[int, int]) -> FieldOfView:
        """The same in a photograph of ``whole`` (height, width), where it was found on a copy of ``shape``."""
        (height, width), (whole_height, whole_width) = shape[:2], whole
        x0, y0, x1, y1 = self.box
        x, y = whole_width / width, whole_height / height
        return FieldOfView(
            box=(
                x0 * whole_width // width,
                y0 * whole_height // height,
                -(-x1 * whole_width // width),
                -(-y1 * whole_height // height),
            ),
            centre=(self.centre[0] * x, self.centre[1] * y),
            radius=self.radius * (x + y) / 2,
        )

    def mask_for(self, shape: tuple[int, ...]) -> Mask:
        """True inside the field of view; ``shape`` is the original's ``(height, width, ...)``."""
        height, width = shape[:2]
        mask = np.zeros((height, width), dtype=bool)
        y0, y1 = self.box[1], min(self.box[3], height)
        first, last = (ends[:, None] for ends in self.columns_of(np.arange(y0, y1)))
        columns = np.arange(width)
        np.logical_and(columns >= first, columns < last, out=mask[y0:y1])
        return mask

    def columns_of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each of these rows the first column inside the field of view, and the one after the last.

        In a row without any the second is no larger than the first.
        """
        x0, y0, x1, y1 = self.box
        ys = rows + 0.5 - self.centre[1]
        half = np.sqrt(np.maximum(self.radius**2 - ys**2, 0))
        first = np.ceil(self.centre[0] - half - 0.5).astype(np.int64)
        last = np.floor(self.centre[0] + half - 0.5).astype(np.int64) + 1
        outside = (np.abs(ys) > self.radius) | (rows < y0) | (rows >= y1)
        return np.maximum(first, x0), np.where(outside, 0, np.minimum(last, x1))


def find_field_of_view(rgb: Rgb) -> FieldOfView:
    """Find the lit disc of an ``H x W x 3`` photograph.

    A picture without a dark frame (already cropped), or one too dark to tell, is its own field of view.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, _SEARCH_SIDE / max(height, width))
    small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cast(Rgb, cv2.resize(rgb, small_size, interpolation=cv2.INTER_AREA)) if scale < 1 else rgb
    lit = _lit_area(small)
    if lit is None:
        return _whole(width, height)

    columns = np.flatnonzero(lit.mean(axis=0) > _LINE_SHARE)
    rows = np.flatnonzero(lit.mean(axis=1) > _LINE_SHARE)
    if not columns.size or not rows.size:
        return _whole(width, height)
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    circle = _fit_circle(lit)
    half_side = max(box[2] - box[0], box[3] - box[1]) / 2
    if circle is not None and _RADIUS_RANGE[0] <= circle[2] / half_side <= _RADIUS_RANGE[1]:
        found = FieldOfView(box=box, centre=circle[:2], radius=circle[2])
    else:
        found = _around(box, float(np.hypot(box[2] - box[0], box[3] - box[1])) / 2)
    return found.enlarged(small.shape, (height, width))


def _whole(width: int, height: int) -> FieldOfView:
    return _around((0, 0, width, height), float(np.hypot(width, height)) / 2)


def _around(box: tuple[int, int, int, int], radius: float) -> FieldOfView:
    # Without a believable circle nothing inside the box is ruled out: the radius reaches its corners.
    return FieldOfView(box=box, centre=((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), radius=radius)


def brightest(rgb: Rgb) -> NDArray[np.uint8]:
    """The brightest channel of each pixel (HxW), in a tenth of the time of `rgb.max(axis=2)`."""
    red, green, blue = cv2.split(rgb)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def _lit_area(small: Rgb) -> Mask | None:
    """The largest lit region, its holes (dark macula, shadows) filled; None where nothing is worth the name."""
    brightness = cv2.GaussianBlur(brightest(small), (0, 0), 2)
    frame = np.concatenate(
        [
            brightness[:8, :8].ravel(),
            brightness[:8, -8:].ravel(),
            brightness[-8:, :8].ravel(),
            brightness[-8:, -8:].ravel(),
        ]
    )
    background = float(np.percentile(frame, 20))
    bright = float(np.percentile(brightness, 95))
    threshold = background + max(_LIT_MINIMUM, _LIT_SHARE * (bright - background))
    if bright <= threshold:
        return None
    # Opening takes off the notch on the disc's edge, and bridges to stray text, before the hull would take them in.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15))
    lit = cv2.morphologyEx((brightness > threshold).astype(np.uint8), cv2.MORPH_OPEN, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lit, connectivity=8)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    if stats[largest, cv2.CC_STAT_AREA] < _SMALLEST_AREA * lit.size:
        return None
    region = (labels == largest).astype(np.uint8)
    contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    # The hull, because the aperture is convex: a shadow that bites into the disc's edge is still field of view.
    hull = cv2.convexHull(max(contours, key=cv2.contourArea))
    filled = cv2.fillPoly(np.zeros_like(region), [hull], 1)
    return cast(Mask, filled.astype(bool))


def _fit_circle(lit: Mask) -> tuple[float, float, float] | None:
    """Least-squares circle (Kasa) through the part of the outline that the picture's edges did not cut."""
    height, width = lit.shape
    contours, _ = cv2.findContours(lit.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(contours, key=cv2.contourArea)[:, 0, :].astype(np.float64)
    inner = (points[:, 0] > 1) & (points[:, 0] < width - 2) & (points[:, 1] > 1) & (points[:, 1] < height - 2)
    points = points[inner]
    if len(points) < 40:
        return None
    for _ in range(3):
        system = np.column_stack([points, np.ones(len(points))])
        (a, b, c), *_ = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)
        x, y = a / 2, b / 2
        radius = float(np.sqrt(max(c + x * x + y * y, 0.0)))
        residual = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius)
        # The notch and other outliers go; the circle is fitted again without them.
        keep = residual <= max(1.5, 2 * float(np.median(residual)))
        if keep.all() or keep.sum() < 40:
            break
        points = points[keep]
    if radius <= 0 or float(np.median(residual)) > _CIRCLE_RESIDUAL * radius:
        return None
    return float(x) + 0.5, float(y) + 0.5, radius + 0.5

"""The pictures of a report: the stored preview, alone or with masks painted on it, small enough to print."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from inference.overlay import render_overlay
from inference.runs import Runs, places_of

Rgb = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

FIGURE_SIDE = 1024  # px of the longer side: 300 dpi at half the width of an A4 page
_QUALITY = 84


def decode_preview(content: bytes) -> Rgb:
    """A stored preview as RGB, at most FIGURE_SIDE wide and high. Raises ValueError where it cannot be read."""
    bgr = _read(content, cv2.IMREAD_REDUCED_COLOR_2)
    if max(bgr.shape) < FIGURE_SIDE:  # of a preview of full size half the pixels are printed, of a smaller one all
        bgr = _read(content, cv2.IMREAD_COLOR_BGR)
    height, width = bgr.shape[:2]
    scale = FIGURE_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def shrunk_mask(runs: Runs, shape: tuple[int, ...]) -> Mask:
    """A mask on `shape` (height, width, ...), so that its every pixel still shows.

    Whatever a pixel of lesion touches is lesion; the result is then widened by a pixel, because a microaneurysm of a
    single printed dot would not be seen.
    """
    (whole_height, whole_width), (height, width) = runs.shape, shape[:2]
    left, right = runs.left * width // whole_width, ((runs.right * width) - 1) // whole_width + 1
    top, bottom = runs.rows * height // whole_height, ((runs.rows + 1) * height - 1) // whole_height
    small = np.zeros((height, width), np.uint8)
    columns = places_of(left, right - left)
    for rows in (top, bottom):
        small[np.repeat(rows, right - left), columns] = 1
    widened = small if runs.shape == (height, width) else cv2.dilate(small, np.ones((3, 3), np.uint8))
    return np.asarray(widened, np.uint8).view(np.bool_)


def _read(content: bytes, flags: int) -> npt.NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise ValueError("the preview is not a picture")
    return np.asarray(pixels, np.uint8)


def photograph_jpeg(rgb: Rgb) -> bytes:
    """The photograph as it is."""
    return _jpeg(rgb, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)


def overlay_jpeg(rgb: Rgb, masks: Mapping[str, Mask]) -> bytes:
    """The photograph with the masks painted on it in the lesions' colours."""
    # Full colour resolution: the outlines are a pixel wide.
    return _jpeg(render_overlay(rgb, masks), cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


def _jpeg(rgb: Rgb, sampling: int) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    _ok, encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    return encoded.tobytes()

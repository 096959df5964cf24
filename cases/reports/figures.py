"""The pictures of a report: the stored preview, alone or with masks painted on it, small enough to print."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from inference.overlay import render_overlay

Rgb = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

FIGURE_SIDE = 1400  # px of the longer side: 400 dpi at half the width of an A4 page
_QUALITY = 84


def decode_preview(content: bytes) -> Rgb:
    """A stored preview as RGB, at most FIGURE_SIDE wide and high. Raises ValueError where it cannot be read."""
    bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("the preview is not a picture")
    height, width = bgr.shape[:2]
    scale = FIGURE_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def decode_small_mask(content: bytes, shape: tuple[int, ...]) -> Mask:
    """A stored mask, shrunk to `shape` (height, width, ...) so that its every pixel still shows.

    The area average is above zero wherever one pixel was lesion; the result is then widened by a pixel, because a
    microaneurysm of a single printed dot would not be seen. Raises ValueError where the file cannot be read.
    """
    grey = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise ValueError("the mask is not a picture")
    height, width = shape[:2]
    if grey.shape == (height, width) or not cv2.countNonZero(grey):
        return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_NEAREST) > 0)
    # In float: averaged over some five hundred pixels, one of 255 would round to zero.
    average = cv2.resize(grey.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    small = (average > 0).astype(np.uint8)
    return cv2.dilate(small, np.ones((3, 3), np.uint8)).astype(bool)


def photograph_jpeg(rgb: Rgb) -> bytes:
    """The photograph as it is."""
    return _jpeg(rgb, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420)


def overlay_jpeg(rgb: Rgb, masks: Mapping[str, Mask]) -> bytes:
    """The photograph with the masks painted on it in the lesions' colours."""
    # Full colour resolution: the outlines are a pixel wide.
    return _jpeg(render_overlay(rgb, masks), cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


def _jpeg(rgb: Rgb, sampling: int) -> bytes:
    options = [
        cv2.IMWRITE_JPEG_QUALITY, _QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling,
        cv2.IMWRITE_JPEG_OPTIMIZE, 1,
    ]  # fmt: skip
    _ok, encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    return encoded.tobytes()

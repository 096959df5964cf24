"""Lesion masks as files: 1-bit PNGs in the coordinates of the upright photograph."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.decoding import decode_pixels
from inference.errors import ImageRejected, gettext_noop


def encode_mask(mask: NDArray[np.bool_]) -> bytes:
    """A bool HxW mask as a 1-bit PNG; white is lesion."""
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise ValueError(f"a mask is a two-dimensional bool array, not {mask.dtype} {mask.shape}")
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def encode_probability(probability: NDArray[np.uint8]) -> bytes:
    """A uint8 HxW map (0-255 stands for 0-1) as an 8-bit greyscale PNG."""
    buffer = io.BytesIO()
    Image.fromarray(probability, mode="L").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def decode_mask(source: bytes | Path | BinaryIO, expected_shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask of exactly `expected_shape` (height, width) from any allowed picture format.

    A pixel is lesion where its brightest colour channel, laid on black where transparent, is over half; a picture
    that holds nothing but 0 and 1 (label values) is read as such. Raises ImageRejected: bad_mask for a file that
    cannot be read, wrong_mask_size for one of another size than the photograph.
    """
    try:
        rgb = decode_pixels(source, expected_shape=expected_shape)
    except ImageRejected as error:
        raise ImageRejected(
            "bad_mask",
            gettext_noop("The mask cannot be read as a picture: save it as a PNG of one frame and send it again."),
        ) from error
    if rgb is None:
        raise wrong_mask_size(expected_shape)
    brightest = rgb.max(axis=2)
    threshold = 0 if brightest.max() == 1 else 127
    return np.asarray(brightest > threshold)


def wrong_mask_size(expected_shape: tuple[int, int]) -> ImageRejected:
    """The refusal of a drawing that does not fit a photograph of `expected_shape` (height, width)."""
    height, width = expected_shape
    return ImageRejected(
        "wrong_mask_size",
        gettext_noop("The mask does not have the size of the photograph: send one of %(width)d x %(height)d pixels."),
        width=width,
        height=height,
    )

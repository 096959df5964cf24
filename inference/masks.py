"""Lesion masks as files: 1-bit PNGs in the coordinates of the upright photograph."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image

from inference.decoding import decode_drawing
from inference.errors import ImageRejected, gettext_noop
from inference.overlay import decode_overlay, resembles, wrong_size
from inference.runs import Runs, packed, packed_runs, runs_of, runs_of_packed, unpacked

_HALF = 127
_VISIBLE = 64


def encode_mask(mask: NDArray[np.bool_]) -> bytes:
    """A bool HxW mask as a 1-bit PNG; white is lesion.

    Written here, because packing eight pixels a byte before anything else is done to them makes it five times as quick
    as Pillow or OpenCV, which pass each pixel through a byte.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise ValueError(f"a mask is a two-dimensional bool array, not {mask.dtype} {mask.shape}")
    return _file(packed(mask), mask.shape)


def encode_runs(runs: Runs) -> bytes:
    """As `encode_mask`, of the mask with these runs."""
    return _file(packed_runs(runs), runs.shape)


def _file(rows: NDArray[np.uint8], shape: tuple[int, int]) -> bytes:
    """Of packed rows, each of which begins with its filter: 0, none."""
    start, end = _frame(*shape)
    return start + _png_chunk(b"IDAT", isal_zlib.compress(rows, 1)) + end


def _plain(data: bytes, height: int, width: int) -> NDArray[np.uint8] | None:
    """The rows, packed, of what `encode_mask` and the page's editor write; None for any other picture.

    Each row begins with its filter, which is an empty byte here. A fifth of Pillow's time.
    """
    start, end = _frame(height, width)
    deflated = data[len(start) + 8 : -len(end) - 4]
    if data != start + _png_chunk(b"IDAT", deflated) + end:
        return None
    stride = 1 + (width + 7) // 8
    inflater = isal_zlib.decompressobj()
    try:
        rows = inflater.decompress(deflated, height * stride + 1)
    except isal_zlib.error:  # type: ignore[misc]  # its stub has an instance for the class
        return None
    if len(rows) != height * stride or not inflater.eof:
        return None
    grid = np.frombuffer(rows, np.uint8).reshape(height, stride)
    return None if grid[:, 0].any() else grid


def _frame(height: int, width: int) -> tuple[bytes, bytes]:
    """What stands before and after the pixels: 1 bit, grey, not interlaced."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", header), _png_chunk(b"IEND", b"")


def _png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", isal_zlib.crc32(name + content))


def encode_probability(probability: NDArray[np.uint8]) -> bytes:
    """A uint8 HxW map (0-255 stands for 0-1) as an 8-bit greyscale PNG."""
    buffer = io.BytesIO()
    Image.fromarray(probability, mode="L").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def decode_mask(
    source: bytes | Path | BinaryIO,
    expected_shape: tuple[int, int],
    *,
    lesion: str | None = None,
    original: Callable[[], NDArray[np.uint8]] | None = None,
) -> NDArray[np.bool_]:
    """Read a bool mask of exactly `expected_shape` (height, width) from any allowed picture format.

    The picture's content tells what it is:

    - a mask: a pixel is lesion where its brightest channel is over half (or is 1, if there is nothing but 0 and 1);
    - a drawing on a transparent ground: as a mask, where it is at least a quarter opaque;
    - an edited overlay, where `lesion` is named and `original` gives the photograph (RGB): see
      `inference.overlay.decode_overlay`.

    Raises ImageRejected: bad_mask for a file that cannot be read or is none of these, wrong_mask_size for one of
    another size than the photograph.
    """
    height, width = expected_shape
    if isinstance(source, bytes) and (rows := _plain(source, height, width)) is not None:
        return unpacked(rows, width)
    try:
        drawing = decode_drawing(source, expected_shape=expected_shape)
    except ImageRejected as error:
        raise ImageRejected(
            "bad_mask",
            gettext_noop("The mask cannot be read as a picture: save it as a PNG of one frame and send it again."),
        ) from error
    if drawing is None:
        raise wrong_size(expected_shape)
    colours, alpha = drawing
    brightest = colours.max(axis=2) if colours.ndim == 3 else colours
    if alpha is not None and alpha.min() < _VISIBLE:
        return np.asarray((brightest > _HALF) & (alpha >= _VISIBLE))
    if brightest.max() <= 1:
        return np.asarray(brightest == 1)
    if colours.ndim == 3 and lesion is not None and original is not None:
        photograph = original()
        if resembles(colours, photograph):
            return decode_overlay(colours, photograph, lesion)
    if not _is_two_toned(brightest):
        raise ImageRejected(
            "bad_mask",
            gettext_noop(
                "The picture is neither a mask nor an edited overlay of this photograph: "
                "send the lesion in white on black, or the overlay as it was downloaded and then edited."
            ),
        )
    return np.asarray(brightest > _HALF)


def decode_runs(
    source: bytes,
    expected_shape: tuple[int, int],
    *,
    lesion: str | None = None,
    original: Callable[[], NDArray[np.uint8]] | None = None,
) -> tuple[Runs, bytes]:
    """As `decode_mask`, but the runs of the mask, and the mask as a file: `source` itself where it is one already."""
    rows = _plain(source, *expected_shape)
    if rows is not None:
        return runs_of_packed(rows, expected_shape[1]), source
    runs = runs_of(decode_mask(source, expected_shape, lesion=lesion, original=original))
    return runs, encode_runs(runs)


def _is_two_toned(brightest: NDArray[np.uint8]) -> bool:
    """Masks are black and bright; only the edges of a resized or JPEG-compressed one lie between."""
    distance = np.abs(brightest[::2, ::2].astype(np.int16) - _HALF)
    return bool(np.mean(distance < 0.6 * _HALF) < 0.1)

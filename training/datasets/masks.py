"""Reading lesion masks as published, with their quirks."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from inference.field_of_view import FieldOfView, Mask
from inference.lesions import LESIONS
from training.datasets.records import DatasetError, Record, opened


def read_mask(path: Path, value: int | None = None) -> Mask:
    """A mask file as ``H x W`` bool: True where any colour channel (or palette colour) is not black.

    With ``value``, True where the pixel (in a palette file, its index) is exactly that. Alpha is never looked at: one
    official file is RGBA with alpha 255 everywhere.
    """
    if value is not None:
        return read_values(path) == value
    with opened(path, "mask") as file:
        if file.mode in ("P", "PA", "RGBA", "LA", "CMYK", "YCbCr"):
            pixels = np.asarray(file.convert("RGBA"))[..., :3]
        else:
            pixels = np.asarray(file)
    return cast("Mask", pixels.any(axis=2) if pixels.ndim == 3 else pixels > 0)


def read_values(path: Path) -> NDArray[np.uint8]:
    """A label map as ``H x W`` values: palette indices, grey levels, or the red channel."""
    with opened(path, "mask") as file:
        pixels = np.asarray(file if file.mode in ("P", "L") else file.convert("RGB"))
    return np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., 0])


def read_masks(record: Record, shape: tuple[int, ...], fov: FieldOfView) -> NDArray[np.uint8]:
    """Masks of a record as ``H x W`` uint8: bit ``c`` is set where lesion ``LESIONS[c]`` is, never outside the retina.

    Raises ``DatasetError`` where a mask's size is not the photograph's.
    """
    bits = np.zeros(shape[:2], dtype=np.uint8)
    for channel, lesion in enumerate(LESIONS):
        path = (record.masks or {}).get(lesion)
        if path is None:
            continue
        mask = read_mask(path, (record.mask_values or {}).get(lesion))
        if mask.shape != bits.shape:
            raise DatasetError(
                f"{path}: mask is {mask.shape[1]}x{mask.shape[0]}, its photograph {bits.shape[1]}x{bits.shape[0]}."
            )
        bits |= mask.astype(np.uint8) << channel
    bits[~fov.mask_for(shape)] = 0
    return bits

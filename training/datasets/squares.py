"""Photographs cut to their field of view at training scale, kept on disk so that each is decoded once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageOps

from inference.field_of_view import Mask, Rgb, find_field_of_view
from inference.lesions import LESIONS
from inference.preprocessing import crop_to_square, resize_square
from training.datasets.masks import read_masks
from training.datasets.records import Record, opened

_CACHE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Square:
    """A photograph's field of view on a square of side ``S``.

    ``rgb``: ``S x S x 3`` uint8. ``bits``: ``S x S`` uint8 with one bit per lesion, None where lesions were not
    outlined. ``inside``: ``S x S`` bool, the field of view.
    """

    record: Record
    rgb: Rgb
    bits: NDArray[np.uint8] | None
    inside: Mask

    @property
    def side(self) -> int:
        """Side length in pixels."""
        return int(self.rgb.shape[0])


def read_rgb(path: Path) -> Rgb:
    """A photograph as ``H x W x 3`` uint8, upright after EXIF orientation."""
    with opened(path, "photograph") as file:
        return np.asarray(ImageOps.exif_transpose(file).convert("RGB"))


def make_square(record: Record, size: int) -> Square:
    """Cut and scale one photograph; ones smaller than ``size`` keep their resolution."""
    rgb = read_rgb(record.image)
    fov = find_field_of_view(rgb)
    square = cast("Rgb", crop_to_square(rgb, fov))
    side = min(size, square.shape[0])
    inside = _shrink(crop_to_square(fov.mask_for(rgb.shape), fov), side)
    bits: NDArray[np.uint8] | None = None
    if record.masks is not None:
        full = cast("NDArray[np.uint8]", crop_to_square(read_masks(record, rgb.shape, fov), fov))
        bits = np.zeros((side, side), dtype=np.uint8)
        for channel in range(len(LESIONS)):
            bits |= _shrink((full >> channel) & 1, side).astype(np.uint8) << channel
    return Square(record=record, rgb=resize_square(square, side), bits=bits, inside=inside)


def load_squares(records: Sequence[Record], size: int, cache: Path) -> list[Square]:
    """The squares of ``records`` at up to ``size`` pixels, from ``cache`` where they are there already."""
    cache.mkdir(parents=True, exist_ok=True)
    return [_load(record, size, cache) for record in records]


def _load(record: Record, size: int, cache: Path) -> Square:
    masks = sorted((lesion, str(path), path.stat().st_mtime_ns) for lesion, path in (record.masks or {}).items())
    identity = f"{_CACHE_VERSION} {record.image.resolve()} {record.image.stat().st_mtime_ns} {size} {masks}"
    path = cache / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.npy"
    if not path.is_file():
        square = make_square(record, size)
        bits = np.zeros_like(square.inside, dtype=np.uint8) if square.bits is None else square.bits
        layers = np.dstack([square.rgb, bits, square.inside.astype(np.uint8)])
        scratch = path.with_suffix(f".{os.getpid()}.tmp")
        with scratch.open("wb") as file:
            np.save(file, layers, allow_pickle=False)
        scratch.replace(path)
    layers = np.load(path, allow_pickle=False)
    return Square(
        record=record,
        rgb=np.ascontiguousarray(layers[..., :3]),
        bits=None if record.masks is None else np.ascontiguousarray(layers[..., 3]),
        inside=layers[..., 4].astype(bool),
    )


def _shrink(mask: NDArray[np.generic], side: int) -> Mask:
    # A pixel counts where the mask covers at least half of it.
    share = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return share >= 0.5

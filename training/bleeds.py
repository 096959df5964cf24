"""Simulated large bleeds: preretinal and vitreous haemorrhages are rare in outlined data, and must not be missed."""

from __future__ import annotations

from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.field_of_view import Rgb
from inference.lesions import LESIONS

# What the larger outlined haemorrhages of IDRiD's training photographs leave of the light around them, in red, green
# and blue: medians over 60 of them. A thicker layer of blood leaves a power of it.
TRANSMISSION: Final = (0.94, 0.835, 1.04)
THICKNESS: Final = (1.5, 6.0)
COVER: Final = (0.04, 0.5)  # share of the crop
_HAEMORRHAGE: Final = LESIONS.index("HE")


def add_bleed(
    image: Rgb, target: NDArray[np.float32], inside: NDArray[np.float32], randomness: np.random.Generator
) -> tuple[Rgb, NDArray[np.float32]]:
    """A crop with one bleed more: ``S x S x 3`` uint8 and ``4 x S x S`` float32 in [0, 1], both new.

    Blood hides what lies beneath it: vessels fade, other lesions are taken out of the target. ``inside``: the field of
    view, ``S x S`` in [0, 1]; nothing bleeds outside it.
    """
    side = image.shape[0]
    # Squared: most bleeds are small against the crop.
    cover = COVER[0] + (COVER[1] - COVER[0]) * randomness.random() ** 2
    height = _landscape(side, randomness)
    region = (height > np.quantile(height, 1 - cover)).astype(np.float32)
    opacity = cv2.GaussianBlur(region, (0, 0), float(randomness.uniform(0.8, 4)))[..., None]

    thickness = randomness.uniform(*THICKNESS) * (1 + 0.25 * _noise(side, side / 6, randomness))[..., None]
    veil = np.power(np.asarray(TRANSMISSION, np.float32), np.maximum(thickness, 1))
    hidden = cv2.GaussianBlur(image, (0, 0), side / 24).astype(np.float32)
    depth = float(randomness.uniform(0.4, 1))  # how much of what lies beneath is lost
    blood = (depth * hidden + (1 - depth) * image) * veil
    mixed = image + (blood - image) * opacity * inside[..., None]

    marked = region * (inside > 0.5)
    outlined = target * (1 - marked)
    outlined[_HAEMORRHAGE] = np.maximum(target[_HAEMORRHAGE], marked)
    return cast("Rgb", np.clip(mixed, 0, 255).round().astype(np.uint8)), outlined


def _landscape(side: int, randomness: np.random.Generator) -> NDArray[np.float32]:
    """Smooth hills on a slope or around a point: what is above a height is one large patch with a natural border."""
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    turn = randomness.uniform(0, 2 * np.pi)
    along, across = np.cos(turn) * xs + np.sin(turn) * ys, np.cos(turn) * ys - np.sin(turn) * xs
    if randomness.random() < 0.5:
        trend = 4 * along  # reaches in from one side, as blood that settles below
    else:
        middle, stretch = randomness.uniform(-0.4, 0.4, 2), randomness.uniform(1, 4)
        trend = -6 * np.hypot(along - middle[0], stretch * (across - middle[1]))
    rough = _noise(side, side * randomness.uniform(0.04, 0.12), randomness)
    return cast("NDArray[np.float32]", trend + randomness.uniform(0.2, 0.8) * rough)


def _noise(side: int, grain: float, randomness: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise, mean 0 and spread 1; ``grain``: size of its hills, pixels."""
    coarse = max(4, round(side / grain))
    field = cv2.resize(
        randomness.standard_normal((coarse, coarse)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
    )
    return cast("NDArray[np.float32]", (field - field.mean()) / field.std())

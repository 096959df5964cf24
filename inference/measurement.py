"""How many lesions, and how large."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.field_of_view import FieldOfView
from inference.regions import Regions, find_regions
from inference.runs import Runs

DISC_PER_FIELD_DIAMETER = 0.152
"""Assumed diameter of the optic disc as a share of the field of view's diameter; nothing in a photograph tells it.

Mean over the 54 discs that experts outlined in IDRiD (Porwal et al., Data 2018;3(3):25; 50-degree camera), standard
deviation 0.013. Anatomy would make it 0.137 in a 45-degree camera: a disc of 1.85 mm (Quigley et al., Archives of
Ophthalmology 1990;108:51-57) in a field of 45 x 0.30 mm (Bennett et al., Graefe's Archive 1994;232:361-367). So areas
in discs are estimates, good to about a fifth, and wrong by the square of the ratio for cameras of other field angles.
"""


@dataclass(frozen=True, slots=True)
class LesionMeasurement:
    """Of one kind of lesion in one photograph."""

    lesion: str
    count: int
    """Connected areas; pixels that touch at a corner are connected."""
    area_px: int
    """In pixels of the original photograph."""
    area_percent_of_fov: float
    """0-100."""
    area_disc: float
    """In optic-disc areas, with the size of the disc assumed: see DISC_PER_FIELD_DIAMETER."""


def measure_one(lesion: str, mask: NDArray[np.bool_] | Runs, fov: FieldOfView) -> LesionMeasurement:
    """Measure a bool HxW mask in original pixels."""
    return measure_regions(lesion, find_regions(mask), fov)


def measure_regions(lesion: str, regions: Regions, fov: FieldOfView) -> LesionMeasurement:
    """Measure a mask of which the connected areas are known."""
    area = int(regions.areas.sum())
    return LesionMeasurement(
        lesion=lesion,
        count=len(regions.areas),
        area_px=area,
        area_percent_of_fov=100 * area / fov_area(fov),
        area_disc=area / disc_area(fov),
    )


def fov_area(fov: FieldOfView) -> float:
    """Pixels of the field of view: its circle, as far as the box does not clip it."""
    x0, y0, x1, y1 = fov.box
    rows = np.arange(y0, y1) + 0.5 - fov.centre[1]
    half = np.sqrt(np.maximum(fov.radius**2 - rows**2, 0))
    lengths = np.minimum(fov.centre[0] + half, x1) - np.maximum(fov.centre[0] - half, x0)
    return max(1.0, float(np.maximum(lengths, 0).sum()))


def disc_area(fov: FieldOfView) -> float:
    """Pixels that an optic disc is assumed to cover."""
    x0, y0, x1, y1 = fov.box
    # A field without a believable circle has a radius that reaches the corners: the longer side is nearer the truth.
    diameter = min(2 * fov.radius, 1.0 * max(x1 - x0, y1 - y0))
    return math.pi / 4 * (DISC_PER_FIELD_DIAMETER * diameter) ** 2


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float | None:
    """Twice the common area over the sum of both (Dice 1945), in [0, 1]; None where both masks are empty."""
    total = int(np.count_nonzero(first)) + int(np.count_nonzero(second))
    return 2 * int(np.count_nonzero(first & second)) / total if total else None

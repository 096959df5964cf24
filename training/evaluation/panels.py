"""Photographs with the lesions of the truth beside those of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.field_of_view import FieldOfView, Rgb
from inference.overlay import render_overlay
from inference.preprocessing import crop_to_square, resize_square
from training.evaluation.segmentation import Seen

SIDE: Final = 900
_GAP: Final = 12


class PanelWriter:
    """Writes ``<photograph>.jpg`` for the first photographs that it is shown: as it is, the truth, the prediction."""

    def __init__(self, folder: Path, thresholds: dict[str, float], limit: int = 12) -> None:
        self.folder, self.thresholds, self.left = folder, thresholds, limit

    def __call__(self, seen: Seen) -> None:
        """Write one photograph's panels, while there are not yet enough."""
        if not self.left:
            return
        self.left -= 1
        predicted = {lesion: own >= self.thresholds[lesion] for lesion, own in seen.maps.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{seen.record.image.stem}.jpg"
        Image.fromarray(panels(seen.rgb, seen.field_of_view, seen.truth, predicted)).save(path, quality=88)


def panels(
    rgb: Rgb, fov: FieldOfView, truth: dict[str, NDArray[np.bool_]], predicted: dict[str, NDArray[np.bool_]]
) -> Rgb:
    """The field of view three times, side by side: ``SIDE x (3 * SIDE + gaps) x 3`` uint8."""
    square = cast(Rgb, crop_to_square(rgb, fov))
    side = min(SIDE, square.shape[0])
    small = resize_square(square, side)
    gap = np.full((side, _GAP, 3), 255, np.uint8)
    painted = [
        render_overlay(small, {lesion: _shrunk(mask, fov, side) for lesion, mask in masks.items()})
        for masks in (truth, predicted)
    ]
    return np.hstack([small, gap, painted[0], gap, painted[1]])


def _shrunk(mask: NDArray[np.bool_], fov: FieldOfView, side: int) -> NDArray[np.bool_]:
    # Every lesion stays visible, however small.
    share = cv2.resize(crop_to_square(mask, fov).astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(share > 0)

"""Training transforms. Geometry is one affine warp from the cached square to the crop, so pixels are resampled once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

import albumentations as albu
import cv2
import numpy as np
from numpy.typing import NDArray

from inference.field_of_view import Rgb

Affine = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a crop of side ``crop`` lies on its source.

    It is centred on ``centre`` (x, y of the source), magnified by ``zoom``, turned by ``angle`` degrees, mirrored if
    ``flip``.
    """

    centre: tuple[float, float]
    zoom: float
    angle: float
    flip: bool
    crop: int

    @property
    def matrix(self) -> Affine:
        """2 x 3 matrix from source to crop coordinates."""
        turn = np.deg2rad(self.angle)
        cos, sin = self.zoom * np.cos(turn), self.zoom * np.sin(turn)
        linear = np.array([[cos, -sin], [sin, cos]])
        if self.flip:
            linear[:, 0] *= -1
        shift = np.full(2, self.crop / 2) - linear @ np.asarray(self.centre)
        return np.column_stack([linear, shift])

    def warp_image(self, image: Rgb) -> Rgb:
        """Resample a photograph; black outside."""
        # Shrinking below the sampling grid would alias: blur first.
        if self.zoom < 0.6:
            image = cast("Rgb", cv2.GaussianBlur(image, (0, 0), 0.4 / self.zoom))
        return cast("Rgb", cv2.warpAffine(image, self.matrix, (self.crop, self.crop), flags=cv2.INTER_LINEAR))

    def warp_mask(self, mask: NDArray[np.generic]) -> NDArray[np.float32]:
        """Resample one mask to values in [0, 1]."""
        return cast(
            "NDArray[np.float32]",
            cv2.warpAffine(mask.astype(np.float32), self.matrix, (self.crop, self.crop), flags=cv2.INTER_LINEAR),
        )


def default_photometric(seed: int | None = None) -> albu.Compose:
    """Colour and sharpness as they differ between cameras and exports."""
    return albu.Compose(
        [
            albu.ColorJitter(
                brightness=(0.7, 1.3), contrast=(0.7, 1.3), saturation=(0.7, 1.3), hue=(-0.03, 0.03), p=0.9
            ),
            albu.RandomGamma(gamma_limit=(75, 130), p=0.3),
            albu.OneOf(
                [
                    albu.GaussianBlur(blur_limit=(3, 5), p=1),
                    albu.Downscale(scale_range=(0.35, 0.8), p=1),
                    albu.ImageCompression(quality_range=(40, 90), p=1),
                    albu.GaussNoise(std_range=(0.01, 0.03), p=1),
                ],
                p=0.35,
            ),
        ],
        seed=seed,
    )


def seed_photometric(seed: int | None = None) -> albu.Compose:
    """The photometric part of the seed report's segmentation list."""
    return albu.Compose(_seed_photometric_list(), seed=seed)


def seed_segmentation(side: int, seed: int | None = None) -> albu.Compose:
    """The seed report's whole segmentation list, for image and masks, in the argument names of albumentations 2."""
    geometric: list[Any] = [
        albu.Resize(height=side, width=side),
        albu.HorizontalFlip(p=0.5),
        albu.Affine(
            scale=(0.95, 1.05), rotate=(-45, 45), translate_percent=(-0.05, 0.05), border_mode=cv2.BORDER_CONSTANT, p=1
        ),
        albu.PadIfNeeded(min_height=side, min_width=side, border_mode=cv2.BORDER_CONSTANT),
        albu.RandomCrop(height=side, width=side),
    ]
    return albu.Compose([*geometric, *_seed_photometric_list()], seed=seed)


def _seed_photometric_list() -> list[Any]:
    return [
        albu.GaussNoise(p=0.2),
        albu.CLAHE(p=1),
        albu.OneOf([albu.Sharpen(p=1), albu.Blur(blur_limit=3, p=1), albu.MotionBlur(blur_limit=3, p=1)], p=0.9),
    ]


PHOTOMETRIC: Final = {"default": default_photometric, "seed": seed_photometric}

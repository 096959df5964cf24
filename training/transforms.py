"""Training transforms. Geometry is one affine warp from the cached square to the crop, so pixels are resampled once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import albumentations as albu
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2

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


def seed_segmentation(side: int, seed: int | None = None) -> albu.Compose:
    """The seed report's whole list for segmentation, for a photograph and its masks, in the terms of albumentations 2.

    Strengths are those of the library's first version, for which the list was written: one factor for both axes, noise
    with a variance of 10 to 50 of 255 grey levels.
    """
    return albu.Compose(
        [
            albu.Resize(height=side, width=side),
            albu.HorizontalFlip(p=0.5),
            albu.Affine(
                scale=(0.95, 1.05),
                keep_ratio=True,
                rotate=(-45, 45),
                translate_percent=(-0.05, 0.05),
                border_mode=cv2.BORDER_CONSTANT,
                p=1,
            ),
            albu.PadIfNeeded(min_height=side, min_width=side, border_mode=cv2.BORDER_CONSTANT),
            albu.RandomCrop(height=side, width=side),
            albu.GaussNoise(std_range=(math.sqrt(10) / 255, math.sqrt(50) / 255), p=0.2),
            albu.CLAHE(p=1),
            albu.OneOf([albu.Sharpen(p=1), albu.Blur(blur_limit=3, p=1), albu.MotionBlur(blur_limit=3, p=1)], p=0.9),
        ],
        seed=seed,
    )


def retina_radius(rgb: Rgb) -> float:
    """Radius of the retina in pixels, by brightness.

    Half the count of pixels in the middle row whose sum of colours is above a tenth of that row's mean: B. Graham,
    report on the Kaggle Diabetic Retinopathy Detection competition, 2015.
    """
    row = rgb[rgb.shape[0] // 2].astype(np.float64).sum(axis=1)
    return float((row > row.mean() / 10).sum()) / 2


def scale_to_radius(rgb: Rgb, radius: float) -> Rgb:
    """Scale a photograph so that its retina has ``radius`` (pixels), whatever the camera; a black one is left alone."""
    own = retina_radius(rgb)
    if own == 0:
        return rgb
    factor = radius / own
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cast("Rgb", cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=how))


def seed_grading(rgb: Rgb, size: int, seed: int) -> Rgb:
    """The seed report's list for grading: ``size x size x 3``, a pure function of the photograph and ``seed``.

    Scaled so that the retina fills the square (512 in the report), mirrored left to right (p .5), turned by up to 30
    degrees, mirrored upside down (p .3), jittered in colour by strengths of ``.01 |N(0, 1)|``. The report drew its
    strengths once for a whole training; here every photograph has its own.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        brightness, contrast, saturation, hue = (0.01 * torch.randn(4).abs()).tolist()
        steps = v2.Compose(
            [
                v2.CenterCrop(size),
                v2.RandomHorizontalFlip(p=0.5),
                v2.RandomRotation(30),
                v2.RandomVerticalFlip(p=0.3),
                v2.ColorJitter(brightness, contrast, saturation, hue),
            ]
        )
        scaled = torch.from_numpy(np.ascontiguousarray(scale_to_radius(rgb, size / 2)))
        return cast("Rgb", np.ascontiguousarray(steps(scaled.permute(2, 0, 1)).permute(1, 2, 0).numpy()))

"""Which crop of which photograph a training step sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from inference.field_of_view import Rgb
from inference.lesions import LESIONS
from inference.preprocessing import normalise
from training.bleeds import add_bleed
from training.config import ConfigError, TrainingConfig
from training.datasets.squares import Square
from training.transforms import Placement, default_photometric, seed_segmentation

# No photograph has thousands of lesions worth remembering; big exudate fields would fill the memory.
_POINTS_PER_LESION = 2000


@dataclass(frozen=True, slots=True)
class LesionPoints:
    """Per lesion channel: where crops may be centred, ``K x 2`` (x, y)."""

    by_channel: tuple[NDArray[np.int32], ...]

    @property
    def present(self) -> list[int]:
        """Channels with at least one lesion."""
        return [channel for channel, points in enumerate(self.by_channel) if len(points)]


def lesion_points(square: Square) -> LesionPoints:
    """One point in every connected lesion, so that a dot counts as much as a large bleed."""
    if square.bits is None:
        return LesionPoints(tuple(np.empty((0, 2), np.int32) for _ in LESIONS))
    points = []
    for channel in range(len(LESIONS)):
        mask = ((square.bits >> channel) & 1).astype(np.uint8)
        _, labels = cv2.connectedComponents(mask, connectivity=8)
        ys, xs = np.nonzero(labels)
        _, first = np.unique(labels[ys, xs], return_index=True)
        points.append(np.column_stack([xs[first], ys[first]]).astype(np.int32)[:_POINTS_PER_LESION])
    return LesionPoints(tuple(points))


def _masks(square: Square) -> list[NDArray[np.uint8]]:
    """One mask of 0 and 1 per lesion; all 0 where nobody outlined any."""
    bits = np.zeros(square.rgb.shape[:2], np.uint8) if square.bits is None else square.bits
    return [((bits >> channel) & 1).astype(np.uint8) for channel in range(len(LESIONS))]


class CropDataset(Dataset[dict[str, Tensor]]):
    """Training pictures, a pure function of (seed, index): a resumed run sees what an unbroken one would have seen.

    They are random crops, mostly around lesions, or whole photographs (``transforms = "seed"``). An item: ``image``
    ``3 x S x S`` float32 normalised, ``S`` the picture's side; ``target`` ``4 x S x S`` float32 in [0, 1];
    ``labelled`` 1.0 where the target is the truth, 0.0 where the photograph was never outlined (only a teacher can
    tell).
    """

    def __init__(
        self,
        config: TrainingConfig,
        labelled: Sequence[Square],
        negatives: Sequence[Square] = (),
        unlabelled: Sequence[Square] = (),
    ) -> None:
        self.config = config
        self.pools = (list(labelled), list(negatives), list(unlabelled))
        data = config.data
        self.shares = (1 - data.negatives_share - data.unlabelled_share, data.negatives_share, data.unlabelled_share)
        for name, pool, share in zip(("labelled", "negatives", "unlabelled"), self.pools, self.shares, strict=True):
            if share < 0 or (share > 0 and not pool):
                raise ConfigError(f"data.{name}: {len(pool)} photographs for a share of {share:g} of the samples")
        self.points = [lesion_points(square) for square in labelled]
        self.photometric = default_photometric()
        self.whole = seed_segmentation(config.input.picture) if config.input.transforms == "seed" else None

    def __len__(self) -> int:
        return self.config.budget.steps * self.config.optimiser.batch

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        randomness = np.random.default_rng((self.config.seed, index))
        pool = int(randomness.choice(3, p=self.shares))
        position = int(randomness.integers(len(self.pools[pool])))
        square = self.pools[pool][position]
        if self.whole is None:
            bleeds = self.config.input.bleeds if pool < 2 else 0.0  # where only a teacher can tell, none is added
            image, target = self._crop(square, self.points[position] if pool == 0 else None, bleeds, randomness)
        else:
            self.whole.set_random_seed(int(randomness.integers(2**31)))
            changed = self.whole(image=square.rgb, masks=_masks(square))
            image, target = changed["image"], np.stack(changed["masks"]).astype(np.float32)
        norm = self.config.input.normalisation
        return {
            "image": torch.from_numpy(normalise(image, norm.mean, norm.std)),
            "target": torch.from_numpy(target),
            "labelled": torch.tensor(0.0 if pool == 2 else 1.0),
        }

    def _crop(
        self, square: Square, points: LesionPoints | None, bleeds: float, randomness: np.random.Generator
    ) -> tuple[Rgb, NDArray[np.float32]]:
        placement = self._place(square, points, randomness)
        self.photometric.set_random_seed(int(randomness.integers(2**31)))
        image = placement.warp_image(square.rgb)
        target = np.stack([placement.warp_mask(mask) for mask in _masks(square)])
        if bleeds and randomness.random() < bleeds:
            image, target = add_bleed(image, target, placement.warp_mask(square.inside), randomness)
        return self.photometric(image=image)["image"], target

    def _place(self, square: Square, points: LesionPoints | None, randomness: np.random.Generator) -> Placement:
        settings = self.config.input
        low, high = np.log(settings.scale)
        zoom = float(np.exp(randomness.uniform(low, high))) * settings.size / square.side
        if points is not None and points.present and randomness.random() < settings.lesion_centred:
            channel = int(randomness.choice(points.present))
            candidates = points.by_channel[channel]
            centre = candidates[randomness.integers(len(candidates))].astype(np.float64)
            # Not dead centre: the network must not learn that lesions sit in the middle.
            centre = centre + randomness.uniform(-0.35, 0.35, 2) * settings.crop / zoom
        else:
            radius = square.side / 2 * np.sqrt(randomness.random()) * 0.95
            turn = randomness.uniform(0, 2 * np.pi)
            centre = square.side / 2 + radius * np.array([np.cos(turn), np.sin(turn)])
        return Placement(
            centre=cast("tuple[float, float]", tuple(float(c) for c in centre)),
            zoom=zoom,
            angle=float(randomness.uniform(0, 360)),
            flip=bool(randomness.random() < 0.5),
            crop=settings.crop,
        )

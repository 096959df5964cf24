"""Two versions of a network on the same photographs, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from numpy.typing import NDArray

from cases.choices import Lesion, PredictionState
from cases.models import Image, LesionResult, Prediction, Study
from cases.selectors.viewer import Viewer
from inference.masks import decode_mask
from inference.measurement import dice


@dataclass(frozen=True)
class LesionComparison:
    """One lesion kind in both results; None where a network does not outline it, Dice also where both are empty."""

    lesion: Lesion
    base: LesionResult | None
    other: LesionResult | None
    dice: float | None

    @property
    def count_change(self) -> int | None:
        """Lesions that the other version finds more (or fewer, negative)."""
        return self.other.count - self.base.count if self.base and self.other else None

    @property
    def area_change(self) -> float | None:
        """Area that the other version finds more, in percent of the field of view."""
        return self.other.area_percent_of_fov - self.base.area_percent_of_fov if self.base and self.other else None


@dataclass(frozen=True)
class ImageComparison:
    """A photograph with the result that holds of it and the other version's newest analysis, if there is one."""

    image: Image
    base: Prediction | None
    other: Prediction | None
    lesions: list[LesionComparison]

    @property
    def is_complete(self) -> bool:
        """Whether there are two results."""
        return bool(self.lesions)

    @property
    def results(self) -> tuple[Prediction | None, Prediction | None]:
        """Both, for the page."""
        return self.base, self.other

    @property
    def grade_change(self) -> int | None:
        """ICDR grades that the other version says more."""
        if self.base is None or self.other is None or self.base.grade is None or self.other.grade is None:
            return None
        return self.other.grade - self.base.grade


def study_comparison(user: Viewer, study: Study, *, name: str, sha256: str) -> list[ImageComparison]:
    """What holds of each photograph of the study beside what the weights `sha256` of network `name` say of it."""
    rows = Prediction.objects.for_user(user).filter(image__study=study).prefetch_related("lesions")
    analyses: dict[int, list[Prediction]] = {}
    for row in rows.order_by("-pk"):
        analyses.setdefault(row.image_id, []).append(row)
    return [
        _compared(image, analyses.get(image.pk, []), name, sha256)
        for image in Image.objects.for_user(user).filter(study=study)
    ]


def _compared(image: Image, analyses: list[Prediction], name: str, sha256: str) -> ImageComparison:
    results = [row for row in analyses if row.state == PredictionState.SUCCEEDED]
    base = next((row for row in results if not row.for_comparison), None)
    asked = [row for row in analyses if row.networks.get("weights", {}).get(name) == sha256]
    other = next((row for row in asked if row.state == PredictionState.SUCCEEDED), asked[0] if asked else None)
    if base is None or other is None or other.state != PredictionState.SUCCEEDED:
        return ImageComparison(image, base, other, [])
    found = [{row.lesion: row for row in result.lesions.all()} for result in (base, other)]
    overlap = _dice_by_lesion(image, base, other)
    return ImageComparison(
        image,
        base,
        other,
        [
            LesionComparison(lesion, found[0].get(lesion), found[1].get(lesion), overlap.get(lesion))
            for lesion in Lesion
        ],
    )


def _dice_by_lesion(image: Image, base: Prediction, other: Prediction) -> dict[str, float | None]:
    """Kept, since results never change and decoding eight large masks takes a while."""
    key = f"comparison:{base.pk}:{other.pk}"
    kept: dict[str, float | None] | None = cache.get(key)
    if kept is None:
        first, second = (_masks(image, result) for result in (base, other))
        kept = {lesion: dice(first[lesion], second[lesion]) for lesion in first.keys() & second.keys()}
        cache.set(key, kept, timeout=None)
    return kept


def _masks(image: Image, prediction: Prediction) -> dict[str, NDArray[np.bool_]]:
    masks = {}
    for result in prediction.lesions.all():
        with result.mask.open("rb") as file:
            masks[result.lesion] = decode_mask(file.read(), (image.height, image.width))
    return masks

"""The grade by rule, from the masks that hold, and where it differs from the network's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cases.choices import Laterality
from cases.models import Image, LesionResult, MaskRevision, Prediction, Study
from cases.selectors.image import field_of_view_of
from cases.selectors.mask import current_masks
from cases.selectors.prediction import latest_prediction
from inference.landmarks import landmark_from, point_of
from inference.masks import decode_mask, decode_runs
from inference.regions import Regions, find_regions
from inference.rules import RuleGrade, grade_by_rule
from inference.runs import Runs

StoredMask = LesionResult | MaskRevision


@dataclass(frozen=True)
class CurrentRules:
    """The grade by rule of the masks that hold now; `corrected` where a person changed one of them."""

    grade: RuleGrade
    corrected: bool


@dataclass(frozen=True)
class GradeDisagreement:
    """A photograph of which network and lesion rule say different grades (ICDR)."""

    image: Image
    eye: str
    network_grade: int
    rule_grade: int


def rules_of(image: Image, areas: Mapping[str, Regions], unsure: Mapping[str, Sequence[int]]) -> RuleGrade:
    """Grade the areas of the photograph's masks by lesion, about the disc and fovea that are known.

    `unsure` has, by lesion, the numbers of the areas that do not count.
    """
    disc, fovea = (point_of(landmark_from(image.landmarks.get(name))) for name in ("disc", "fovea"))
    return grade_by_rule(areas, field_of_view_of(image), disc, fovea, unsure)


def only_sure_areas(prediction: Prediction | None) -> bool:
    """Whether areas of the network's masks count only where it is sure of them."""
    return prediction is not None and bool(prediction.networks.get("segmentation", {}).get("rule_certainty"))


def current_rules(image: Image) -> CurrentRules | None:
    """From the newest corrections over the newest result; None before there is one. Reads the mask files."""
    prediction = latest_prediction(image)
    if prediction is None:
        return None
    masks = current_masks(image, prediction)
    runs = {mask.source: mask_runs(image, mask.source) for mask in masks}
    rules = rules_of_stored(image, {mask.lesion: mask.source for mask in masks}, runs)
    return CurrentRules(rules, any(mask.corrected for mask in masks))


def rules_of_stored(image: Image, masks: Mapping[str, StoredMask], runs: Mapping[StoredMask, Runs]) -> RuleGrade:
    """Grade stored masks of the photograph by lesion; `runs` has what `mask_runs` read of each.

    Of a mask that a person drew all areas count, of the network's those that it is sure of.
    """
    unsure = {lesion: mask.unsure for lesion, mask in masks.items() if isinstance(mask, LesionResult)}
    return rules_of(image, {lesion: find_regions(runs[mask]) for lesion, mask in masks.items()}, unsure)


def grades_disagree(prediction: Prediction, *, difference: int) -> bool:
    """Whether the network's grade and the rule's are `difference` grades apart, or more.

    A network that sees proliferative disease is not contradicted by lesions that give severe: the rule ends there.
    """
    if prediction.grade is None or prediction.rule_grade is None:
        return False
    return abs(min(prediction.grade, 3) - prediction.rule_grade) >= difference


def grade_disagreements(study: Study, images: Iterable[Image] | None = None) -> list[GradeDisagreement]:
    """Photographs of which the newest result's two grades are apart by the clinic's limit or more.

    `images` with their predictions save the queries.
    """
    found = []
    for image in study.images.prefetch_related("predictions") if images is None else images:
        prediction = latest_prediction(image)
        if prediction and grades_disagree(prediction, difference=study.clinic.grade_difference):
            found.append(GradeDisagreement(image, Laterality(image.eye), prediction.grade, prediction.rule_grade))  # type: ignore[arg-type]  # both are known
    return found


def mask_pixels(image: Image, mask: StoredMask) -> NDArray[np.bool_]:
    """A stored mask of the photograph, of its size (height, width). Reads its file."""
    with mask.mask.open("rb") as stored:
        return decode_mask(stored.read(), expected_shape=(image.height, image.width))


def mask_runs(image: Image, mask: StoredMask) -> Runs:
    """The same by its runs, which takes a fifth of the time."""
    with mask.mask.open("rb") as stored:
        return decode_runs(stored.read(), expected_shape=(image.height, image.width))[0]

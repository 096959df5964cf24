"""The study's own line of corrected masks, brought to what a signed reading was signed with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from cases.models import Image, LesionResult, MaskRevision, Reading
from cases.selectors.prediction import latest_prediction

MEASURES = ("count", "area_px", "area_percent_of_fov", "area_disc")


@transaction.atomic
def masks_put_back(*, reading: Reading) -> None:
    """Make the masks that `reading` was signed with those of the study, as new revisions where others are in force.

    Files are shared with the rows they were made for: they are never changed.
    """
    document = json.loads(reading.snapshot)
    images = Image.objects.in_bulk([signed["id"] for signed in document["images"]])
    for signed in document["images"]:
        for lesion, mask in signed["masks"].items():
            _put_back(images[signed["id"]], lesion, mask, reading)


def _put_back(image: Image, lesion: str, signed: Mapping[str, Any], reading: Reading) -> None:
    kind: type[LesionResult | MaskRevision] = MaskRevision if signed["source"] == "revision" else LesionResult
    source = kind.objects.get(pk=signed["id"])
    newest = MaskRevision.objects.filter(image=image, lesion=lesion, line=None).order_by("-number").first()
    if _is_in_force(source, newest, image):
        return
    copy = MaskRevision(
        image=image,
        lesion=lesion,
        number=newest.number + 1 if newest else 1,
        prediction=source.prediction,
        author=source.author if isinstance(source, MaskRevision) else reading.reader,
        mask=source.mask.name,
        sha256=signed["sha256"],
        **{name: getattr(source, name) for name in MEASURES},
    )
    copy.full_clean()
    copy.save()


def _is_in_force(source: LesionResult | MaskRevision, newest: MaskRevision | None, image: Image) -> bool:
    if newest is not None:
        return newest.mask.name == source.mask.name
    prediction = latest_prediction(image)
    return isinstance(source, LesionResult) and prediction is not None and source.prediction_id == prediction.pk

"""Counting how far signed masks cover each other: once per signature, outside its transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from cases.models import Image, LesionResult, MaskAgreement, MaskRevision, Reading
from cases.selectors.reading import readings_to_compare
from inference.masks import decode_mask

Mask = MaskRevision | LesionResult


def mask_agreement_record(*, reading: Reading) -> None:
    """Count the masks of a reading that was just signed against the network's, and against those of the other reader.

    Masks that are the same file are not read: they agree entirely. Reads the others at full size.
    """
    document = json.loads(reading.snapshot)
    rows = [row for signed in document["images"] for row in _with_network(reading, signed)]
    readings = readings_to_compare(reading.study)
    if len(readings) > 1 and not reading.study.blind:
        first, second = readings[:2]
        rows += _between(first, second)
    MaskAgreement.objects.bulk_create(rows, ignore_conflicts=True)


def _with_network(reading: Reading, signed: Mapping[str, Any]) -> list[MaskAgreement]:
    if signed["prediction"] is None:
        return []
    results = LesionResult.objects.filter(prediction=signed["prediction"]["id"])
    by_lesion = {result.lesion: result for result in results}
    return [
        _counted(reading, None, signed["id"], lesion, _source(mask), by_lesion[lesion])
        for lesion, mask in signed["masks"].items()
        if lesion in by_lesion
    ]


def _between(first: Reading, second: Reading) -> list[MaskAgreement]:
    theirs = {image["id"]: image["masks"] for image in json.loads(second.snapshot)["images"]}
    return [
        _counted(first, second, image["id"], lesion, _source(mask), _source(theirs[image["id"]][lesion]))
        for image in json.loads(first.snapshot)["images"]
        for lesion, mask in image["masks"].items()
        if lesion in theirs.get(image["id"], {})
    ]


def _source(mask: Mapping[str, Any]) -> Mask:
    kind: type[Mask] = MaskRevision if mask["source"] == "revision" else LesionResult
    return kind.objects.get(pk=mask["id"])


def _counted(
    reading: Reading, other: Reading | None, image_id: int, lesion: str, own: Mask, theirs: Mask
) -> MaskAgreement:
    same = own.mask.name == theirs.mask.name
    common = own.area_px if same else _common(Image.objects.get(pk=image_id), own, theirs)
    return MaskAgreement(
        reading=reading,
        other=other,
        image_id=image_id,
        lesion=lesion,
        area_px=own.area_px,
        other_area_px=theirs.area_px,
        common_px=common,
    )


def _common(image: Image, own: Mask, theirs: Mask) -> int:
    pixels = []
    for mask in (own, theirs):
        with mask.mask.open("rb") as stored:
            pixels.append(decode_mask(stored.read(), expected_shape=(image.height, image.width)))
    return int(np.count_nonzero(pixels[0] & pixels[1]))

"""The flywheel's first turn: what readers corrected and signed becomes a data set that training reads as it is.

De-identified: random numbers in place of patients and photographs, no dates, names or record numbers, no camera data;
the picture is written anew without metadata, and black outside the field of view, where cameras print text.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from django.utils.crypto import salted_hmac
from numpy.typing import NDArray

from cases.choices import Access, Lesion
from cases.errors import ApplicationError, Conflict
from cases.models import Clinic, Image, LesionResult, MaskRevision, Reading, Study
from cases.selectors.image import field_of_view_of
from cases.services.history import access_records
from cases.services.image import image_decode
from inference.masks import decode_mask, encode_mask

logger = logging.getLogger(__name__)

COLUMNS = ("image", "sha256", "patient", "eye", "grade", "split", *Lesion.values)
# What `training.datasets.described` needs to read it.
DESCRIPTION = """\
title = "Masks corrected and signed in the clinic"
licence = "the clinic's own, not for others"
origin = "manage.py datasets export"
images = "images"
table = "photographs.csv"
mask_folders = { EX = "masks/EX", SE = "masks/SE", HE = "masks/HE", MA = "masks/MA" }

[columns]
image = "image"
grade = "grade"
patient = "patient"
split = "split"
"""
_SOURCES: dict[str, type[MaskRevision | LesionResult]] = {"revision": MaskRevision, "network": LesionResult}


@dataclass(frozen=True)
class ExportedDataset:
    """What was written."""

    folder: Path
    photographs: int
    patients: int
    held_back: int


def dataset_export(*, clinic_name: str, folder: Path, held_share: float = 0.25) -> ExportedDataset:
    """Write the signed photographs with at least one corrected mask to `folder`, which must not exist.

    `photographs.csv` names each photograph with its sha256, patient, eye, signed grade, and the sha256 of its masks;
    lesions that are absent have no mask. `held_share` of the patients get the split `test`, which no training sees.
    Raises `ApplicationError` where there is no such clinic or nothing to export, `Conflict` where `folder` is there.
    """
    clinic = Clinic.objects.filter(name=clinic_name).first()
    if clinic is None:
        raise ApplicationError("no_clinic", f"There is no clinic named {clinic_name!r}.")
    if folder.exists():
        raise Conflict("folder_exists", f"{folder} is there already. Name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".exporting-"))
    try:
        rows = _write(clinic, staging, held_share)
        if not rows:
            raise ApplicationError("nothing_signed", "No corrected mask of this clinic is signed yet.")
        patients = {row["patient"] for row in rows}
        (staging / "dataset.toml").write_text(DESCRIPTION, encoding="utf-8")
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    held = sum(row["split"] == "test" for row in rows)
    logger.info("clinic %s: %s photographs exported for training, %s of them held back", clinic.pk, len(rows), held)
    return ExportedDataset(folder, len(rows), len(patients), held)


def _write(clinic: Clinic, folder: Path, held_share: float) -> list[dict[str, Any]]:
    for name in ("images", *(f"masks/{lesion}" for lesion in Lesion.values)):
        (folder / name).mkdir(parents=True)
    found = list(_signed_corrected(clinic))
    studies = {study.pk: study for study, _reading, _signed in found}
    access_records(records=studies.values(), access=Access.EXPORTED)
    people = _numbered({_person(study) for study, _reading, _signed in found}, held_share)
    rows = [_write_photograph(folder, reading, signed) | people[_person(study)] for study, reading, signed in found]
    rows.sort(key=lambda row: str(row["image"]))  # by random number: the order tells nothing
    with (folder / "photographs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows


def _person(study: Study) -> str:
    # Who a study without a patient belongs to is not known: it counts as a patient of its own.
    return f"patient {study.patient.record_number}" if study.patient else f"study {study.pk}"


def _numbered(people: set[str], held_share: float) -> dict[str, dict[str, str]]:
    """For each a random number, and the split: who is held back once is held back from every export."""
    return {
        person: {"patient": secrets.token_hex(6), "split": "test" if _place(person) < held_share else "train"}
        for person in people
    }


def _place(person: str) -> float:
    """In [0, 1): always the same for a person, and not to be found out without the secret key."""
    return int(salted_hmac("cases.dataset", person).hexdigest()[:13], 16) / 16**13


def _signed_corrected(clinic: Clinic) -> Iterator[tuple[Study, Reading, dict[str, Any]]]:
    """What was signed of each corrected photograph of an eye that could be graded."""
    studies = Study.objects.filter(clinic=clinic, conclusion__isnull=False).select_related("conclusion", "patient")
    for study in studies.order_by("pk").iterator(chunk_size=200):
        reading = cast("Reading", study.conclusion)
        for signed in json.loads(reading.snapshot)["images"]:
            corrected = any(mask["source"] == "revision" for mask in signed["masks"].values())
            if corrected and reading.grade(signed["laterality"]) is not None:
                yield study, reading, signed


def _write_photograph(folder: Path, reading: Reading, signed: dict[str, Any]) -> dict[str, Any]:
    image = Image.objects.get(pk=signed["id"])
    number = secrets.token_hex(8)
    rgb = image_decode(image=image).rgb
    inside = field_of_view_of(image).mask_for(rgb.shape)
    picture = cv2.cvtColor(np.where(inside[..., None], rgb, np.uint8(0)), cv2.COLOR_RGB2BGR)
    eye = signed["laterality"]
    row: dict[str, Any] = {
        "image": number,
        "sha256": _keep(folder / "images" / f"{number}.png", cv2.imencode(".png", picture)[1].tobytes()),
        "eye": eye,
        "grade": reading.grade(eye),
    }
    for lesion, said in signed["masks"].items():
        mask = _mask(image, said) & inside
        if mask.any():
            row[lesion] = _keep(folder / "masks" / lesion / f"{number}_{lesion}.png", encode_mask(mask))
    return row


def _mask(image: Image, said: dict[str, Any]) -> NDArray[np.bool_]:
    """The very mask that was signed."""
    source = _SOURCES[said["source"]].objects.get(pk=said["id"])
    with source.mask.open("rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != said["sha256"]:
        raise ApplicationError("mask_altered", f"A mask of photograph {image.pk} is not the one that was signed.")
    return decode_mask(content, (image.height, image.width))


def _keep(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()

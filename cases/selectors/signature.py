"""What a signature covers, and whether it still holds.

A signed reading keeps a document, canonical JSON of all that the reader saw and said, and the document's sha256. Each
document names its format; formats are never changed, only added to, so that old signatures stay verifiable.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile
from django.utils.translation import gettext as _

from cases.choices import Laterality
from cases.decision import EYES
from cases.models import Image, LesionResult, MaskRevision, Prediction, Reading, Study
from cases.selectors.decision import decision_by
from cases.selectors.mask import CurrentMask, current_masks
from cases.selectors.prediction import latest_prediction

FORMAT = 1
Hashes = dict[str, str]  # sha256 of stored masks by the name of the file


def canonical(document: Mapping[str, Any]) -> str:
    """JSON that is the same for the same content: sorted keys, no spaces, characters as they are."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(text: str) -> str:
    """Hex digest of the text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def study_seen(study: Study) -> str:
    """A digest of what the study shows now: photographs, newest results, masks in force.

    Of a study from `study_get`. Whoever signs sends it back, and so cannot sign what they have not looked at.
    """
    shown = [
        [
            image.pk,
            image.laterality,
            image.verdict,
            getattr(latest_prediction(image), "pk", None),
            [[mask.lesion, mask.corrected, mask.source.pk] for mask in _masks(image)],
        ]
        for image in study.images.all()
    ]
    return sha256_of(canonical({"images": shown}))


def mask_hashes(study: Study) -> Hashes:
    """The sha256 of every mask in force. Reads the files: call it before a transaction, not in one."""
    return {
        str(mask.source.mask.name): _file_hash(mask.source.mask)
        for image in study.images.all()
        for mask in _masks(image)
    }


def signed_document(reading: Reading, images: Iterable[Image], hashes: Hashes) -> dict[str, Any]:
    """What `reading` is signed with, in the newest format.

    `images` come from `study_get` for the reader. Raises `KeyError` for a mask that is not among `hashes`.
    """
    shown = list(images)
    study, reader, patient = reading.study, reading.reader, reading.study.patient
    decision = decision_by(reading, shown)
    return {
        "format": FORMAT,
        "clinic": {"id": study.clinic_id, "name": study.clinic.name},
        "study": {
            "id": study.pk,
            "visit_date": study.visit_date.isoformat(),
            "reading_mode": study.reading_mode,
            "blind": study.blind,
        },
        "patient": None if patient is None else {"id": patient.pk, "record_number": patient.record_number},
        "reader": {"id": reader.pk, "username": reader.get_username(), "name": reader.display_name()},
        "reading": {
            "kind": reading.kind,
            "version": reading.version,
            "amends": None if reading.amends is None else reading.amends.sha256,
            "reason": reading.reason,
        },
        "signed_at": _moment(reading.signed_at),
        "eyes": {eye: _eye(reading, eye) for eye in EYES},
        "diagnosis": reading.diagnosis,
        "images": [_image(image, hashes) for image in shown],
        "decision": None if decision is None else decision.as_json(),
    }


def _eye(reading: Reading, eye: str) -> dict[str, Any]:
    return {"grade": reading.grade(eye), "macula": reading.macula(eye), "gradability": reading.gradability(eye)}


def _image(image: Image, hashes: Hashes) -> dict[str, Any]:
    prediction = latest_prediction(image)
    return {
        "id": image.pk,
        "sha256": image.sha256,
        "laterality": image.laterality,
        "field": image.field,
        "quality": {
            "verdict": image.quality_verdict,
            "by_reader": image.quality_override,
            "note": image.quality_note,
            "reader": image.quality_overridden_by_id,
        },
        "prediction": None if prediction is None else _prediction(prediction),
        "masks": {mask.lesion: _mask(mask, hashes) for mask in _masks(image)},
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {
        "id": prediction.pk,
        "grade": prediction.grade,
        "probabilities": prediction.probabilities,
        "rule_grade": prediction.rule_grade,
        "rule_findings": prediction.rule_findings,
        "macula": prediction.macula,
        "weights": {
            role: {"name": network.get("name"), "version": network.get("version"), "sha256": network.get("sha256")}
            for role, network in sorted(prediction.networks.items())
            if role != "weights"
        },
    }


def _masks(image: Image) -> list[CurrentMask]:
    return current_masks(image, latest_prediction(image))


def _mask(mask: CurrentMask, hashes: Hashes) -> dict[str, Any]:
    return {
        "source": "revision" if mask.corrected else "network",
        "id": mask.source.pk,
        "revision": mask.revision,
        "sha256": hashes[str(mask.source.mask.name)],
    }


def _moment(moment: dt.datetime | None) -> str:
    return "" if moment is None else moment.astimezone(dt.UTC).isoformat()


def _file_hash(file: FieldFile) -> str:
    """Hex digest of a stored file; empty where it is gone."""
    if not default_storage.exists(str(file.name)):
        return ""
    with file.open("rb") as stored:
        return hashlib.file_digest(stored, "sha256").hexdigest()


# --- Verification -----------------------------------------------------------------------------------------------------


def signature_problems(reading: Reading) -> list[str]:
    """What no longer agrees with the signature, in sentences; empty where the signature is valid."""
    if sha256_of(reading.snapshot) != reading.sha256:
        return [_("The signed document has been altered: its sha256 is another one.")]
    document = json.loads(reading.snapshot)
    check = CHECKS.get(document.get("format"))
    if check is None:
        return [_("The signed document has a format that this version does not know.")]
    return list(check(reading, document))


def _check_format_1(reading: Reading, document: Mapping[str, Any]) -> Iterator[str]:
    said = {
        "eyes": {eye: _eye(reading, eye) for eye in (Laterality.OD, Laterality.OS)},
        "diagnosis": reading.diagnosis,
        "signed_at": _moment(reading.signed_at),
    }
    for name, value in said.items():
        if document[name] != json.loads(json.dumps(value)):
            yield _("The record differs from what was signed: %(name)s.") % {"name": name}
    if document["reader"]["id"] != reading.reader_id or document["study"]["id"] != reading.study_id:
        yield _("The record belongs to another reader or study than the signature.")
    amended = "" if reading.amends is None else reading.amends.sha256
    if (document["reading"]["amends"] or "") != amended:
        yield _("The amended reading is not the one that was amended.")
    for image in document["images"]:
        yield from _check_image_1(image)


def _check_image_1(signed: Mapping[str, Any]) -> Iterator[str]:
    image = Image.objects.filter(pk=signed["id"]).first()
    if image is None or _file_hash(image.original) != signed["sha256"]:
        yield _("Photograph %(number)d is missing or altered.") % {"number": signed["id"]}
    if signed["prediction"] is not None:
        prediction = Prediction.objects.filter(pk=signed["prediction"]["id"]).first()
        now = None if prediction is None else json.loads(canonical(_prediction(prediction)))
        if now is None or any(now.get(name) != value for name, value in signed["prediction"].items()):
            yield _("Result %(number)d is missing or altered.") % {"number": signed["prediction"]["id"]}
    for lesion, mask in signed["masks"].items():
        kind: type[LesionResult | MaskRevision] = MaskRevision if mask["source"] == "revision" else LesionResult
        row = kind.objects.filter(pk=mask["id"]).first()
        if row is None or _file_hash(row.mask) != mask["sha256"]:
            details = {"lesion": lesion, "number": signed["id"]}
            yield _("The mask %(lesion)s of photograph %(number)d is missing or altered.") % details


CHECKS: dict[int, Callable[[Reading, Mapping[str, Any]], Iterator[str]]] = {1: _check_format_1}

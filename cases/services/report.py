from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import PurePosixPath
from typing import Any

from django.utils import timezone, translation
from django.utils.text import get_valid_filename
from django.utils.translation import gettext_lazy as _

from cases.choices import ReportLanguage
from cases.errors import ApplicationError, Unavailable
from cases.models import Image, MaskRevision, Reading, Report, Study, User
from cases.notifications import study_changed
from cases.permissions import Action, authorize
from cases.reports.content import Photograph, ReportContent
from cases.reports.document import report_document
from cases.reports.pdf import render_pdf
from cases.selectors.decision import decision_of
from cases.selectors.lesion_rules import StoredMask, mask_runs, rules_of_stored
from cases.selectors.mask import current_masks
from cases.selectors.prediction import latest_prediction
from cases.selectors.reading import other_readings, reading_of
from cases.selectors.study import study_get
from cases.services.files import stored_files
from cases.services.study_lock import readings_check_shown
from inference.errors import InferenceError

OLDEST = 130  # years
LONGEST_DIAGNOSIS = 20_000  # characters: ten pages


def report_create(
    *,
    user: User,
    study: Study,
    patient_name: str = "",
    patient_age: int | None = None,
    diagnosis: str = "",
    grade: int | None = None,
    language: str = ReportLanguage.ENGLISH,
) -> Report:
    """Make the PDF of a study and keep it with its sha256.

    Without a name or an age the patient's record gives them. `grade` (ICDR 0-4) is what the report states of the
    study. Raises `NotAllowed`, `Http404` for another clinic's study, `ApplicationError` where the study has no
    photograph or a value makes no sense, `ValidationError` where a field is wrong, `Unavailable` where a stored
    picture cannot be read; nothing is stored then.
    """
    study = study_get(user, study.pk)
    authorize(user, Action.REPORT, study.clinic)
    readings_check_shown(study=study)
    patient = study.patient
    age_on_record = patient.age_on(study.visit_date) if patient else None
    report = Report(
        study=study,
        language=language,
        patient_name=patient_name.strip() or (patient.name if patient else ""),
        patient_age=age_on_record if patient_age is None else patient_age,
        diagnosis=diagnosis.strip(),
        grade=grade,
        created_by=user,
    )
    _check(report)
    reference = secrets.token_hex(5)
    pdf = _draw(report, reference, _reading(user, study))
    report.sha256 = hashlib.sha256(pdf).hexdigest()
    # Drawn before the transaction: a second of drawing must not keep others from writing.
    with stored_files() as files:
        files.save(report.pdf, f"-{reference}.pdf", pdf)
        report.full_clean()
        report.save()
    study_changed(study.pk)
    return report


def report_reference(report: Report) -> str:
    """The number printed on the report, by which its file is found again."""
    return PurePosixPath(str(report.pdf.name)).stem.rpartition("-")[2].upper()


def report_filename(report: Report) -> str:
    """Name for a download: record number and day, without the patient's name, which does not belong in a file name."""
    patient = report.study.patient
    record = get_valid_filename(patient.record_number) if patient and patient.record_number.strip(". ") else ""
    day = timezone.localtime(report.created_at).date().isoformat()
    return "-".join(part for part in ("report", record, day, report_reference(report).lower()) if part) + ".pdf"


def _check(report: Report) -> None:
    if not report.study.images.all():
        raise ApplicationError("no_image", _("There is no photograph yet. Upload one first."))
    if not report.patient_name:
        raise ApplicationError("no_name", _("Give the patient's name: the study has no patient yet."))
    if report.patient_age is not None and not 0 <= report.patient_age <= OLDEST:
        raise ApplicationError(
            "bad_age", _("The age must be between 0 and %(oldest)d years.") % {"oldest": OLDEST}, oldest=OLDEST
        )
    if len(report.diagnosis) > LONGEST_DIAGNOSIS:
        raise ApplicationError(
            "diagnosis_too_long",
            _("The diagnosis has %(length)d characters; the limit is %(limit)d. Shorten it and try again.")
            % {"length": len(report.diagnosis), "limit": LONGEST_DIAGNOSIS},
            limit=LONGEST_DIAGNOSIS,
        )
    report.full_clean(exclude=["pdf", "sha256"])


def _draw(report: Report, reference: str, reading: Reading | None) -> bytes:
    try:
        content = ReportContent(
            report=report,
            reference=reference.upper(),
            made_at=timezone.now(),
            reading=reading,
            decision=decision_of(report.study),
            photographs=_photographs(report.study, reading),
        )
        with translation.override(report.language):
            return render_pdf(report_document(content))
    except (FileNotFoundError, ValueError, InferenceError) as error:
        raise Unavailable(
            "file_unreadable",
            _("A stored picture of this study cannot be read, so no report was made. Tell your administrator."),
        ) from error


def _photographs(study: Study, reading: Reading | None) -> list[Photograph]:
    """With the results and masks that the reading was signed with; without a signature, those that hold now."""
    signed = json.loads(reading.snapshot)["images"] if reading and reading.snapshot else []
    by_image = {entry["id"]: entry for entry in signed}
    masks = [mask for entry in signed for mask in entry["masks"].values() if mask["source"] == "revision"]
    revisions = MaskRevision.objects.select_related("author").in_bulk([mask["id"] for mask in masks])
    return [_photograph(image, by_image.get(image.pk), revisions) for image in study.images.all()]


def _photograph(image: Image, signed: dict[str, Any] | None, revisions: dict[int, MaskRevision]) -> Photograph:
    if signed is None:
        prediction = latest_prediction(image)
        newest = {mask.lesion: mask.source for mask in current_masks(image, prediction)} if prediction else {}
        corrections = {lesion: source for lesion, source in newest.items() if isinstance(source, MaskRevision)}
    else:
        shown = (signed["prediction"] or {}).get("id")
        prediction = next((row for row in image.predictions.all() if row.pk == shown), None)
        corrected = {lesion: mask["id"] for lesion, mask in signed["masks"].items() if mask["source"] == "revision"}
        corrections = {lesion: revisions[pk] for lesion, pk in corrected.items()}
    found = {result.lesion: result for result in prediction.lesions.all()} if prediction else {}
    drawn: list[StoredMask] = [*found.values(), *corrections.values()] if prediction else []
    runs = {mask: mask_runs(image, mask) for mask in drawn}
    return Photograph(
        image=image,
        prediction=prediction,
        latest=next(iter(image.predictions.all()), None),
        rules=rules_of_stored(image, {**found, **corrections}, runs) if prediction else None,
        network_masks=found,
        corrections=corrections,
        runs=runs,
    )


def _reading(user: User, study: Study) -> Reading | None:
    """What holds; before that the author's own reading, or else the newest (somebody may print a colleague's)."""
    if study.conclusion is not None or not study.readings.exists():  # the answer to nearly all, and asked for quickly
        return study.conclusion
    return reading_of(user, study) or other_readings(user, study).first()

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from cases.choices import ReadingMode
from cases.errors import ApplicationError, Conflict
from cases.models import Clinic, Patient, Study, User
from cases.permissions import Action, authorize, clinics_where
from cases.services.study_queue import study_queue_refresh


def clinic_for_new_study(*, user: User) -> Clinic:
    """The clinic a study goes to where the caller names none: the only one in which `user` may upload."""
    clinics = list(clinics_where(user, Action.UPLOAD))
    if len(clinics) == 1:
        return clinics[0]
    if not clinics:
        raise ApplicationError(
            "no_clinic", _("You do not work in any clinic. Ask an administrator to make you a member of one.")
        )
    raise ApplicationError("clinic_needed", _("You work in several clinics. Name a study of the clinic you mean."))


@transaction.atomic
def study_create(
    *,
    user: User,
    clinic: Clinic,
    patient: Patient | None = None,
    visit_date: dt.date | None = None,
    note: str = "",
) -> Study:
    """Open the study of a visit. The patient, if given, must be of the same clinic."""
    authorize(user, Action.UPLOAD, clinic)
    _check_patient(clinic, patient)
    study = Study(
        clinic=clinic, patient=patient, visit_date=visit_date or timezone.localdate(), note=note, created_by=user
    )
    return study_queue_refresh(study=_opened(study))


def study_open_for_upload(*, user: User, clinic: Clinic) -> Study:
    """A study for a photograph that comes without one.

    Its place on the work-list, and whether `user` may upload, is for the caller to see to, in the same transaction.
    """
    return _opened(Study(clinic=clinic, visit_date=timezone.localdate(), created_by=user))


def _opened(study: Study) -> Study:
    study.full_clean()
    study.save()
    _draw_reading_mode(study)
    return study


def _draw_reading_mode(study: Study) -> None:
    """Whether two readers read it, by a lot that nobody can foresee, and that falls the same way for the same visit."""
    visit = f"{study.patient_id}/{study.visit_date}" if study.patient_id else f"study {study.pk}"
    lot = int.from_bytes(salted_hmac("cases.double_reading", f"{study.clinic_id}/{visit}").digest()[:8]) % 10_000
    if lot >= 100 * study.clinic.double_reading_percent:
        return
    study.reading_mode = ReadingMode.DOUBLE_MASKED if study.clinic.blind_to_network else ReadingMode.DOUBLE
    study.blind = True
    study.save(update_fields=["reading_mode", "blind"])


@transaction.atomic
def study_set_patient(*, user: User, study: Study, patient: Patient) -> Study:
    """Name the patient of a study that was uploaded without one."""
    authorize(user, Action.EDIT_PATIENT, study.clinic)
    _check_patient(study.clinic, patient)
    study = Study.objects.select_for_update().get(pk=study.pk)
    if study.patient_id is not None and study.patient_id != patient.pk:
        raise Conflict("patient_already_named", _("This study already belongs to another patient."))
    study.patient = patient
    study.save(update_fields=["patient"])
    return study_queue_refresh(study=study)


def _check_patient(clinic: Clinic, patient: Patient | None) -> None:
    if patient is not None and patient.clinic_id != clinic.pk:
        raise ApplicationError("patient_of_other_clinic", _("This patient belongs to another clinic."))

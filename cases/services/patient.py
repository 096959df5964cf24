from __future__ import annotations

import datetime as dt

from django.db import transaction

from cases.choices import DiabetesType, Sex
from cases.models import Clinic, Patient, User
from cases.permissions import Action, authorize


@transaction.atomic
def patient_create(
    *,
    user: User,
    clinic: Clinic,
    record_number: str,
    name: str,
    birth_date: dt.date | None = None,
    sex: str = Sex.UNKNOWN,
    diabetes_type: str = DiabetesType.UNKNOWN,
    diabetes_since: int | None = None,
) -> Patient:
    """Register a patient. Raises `ValidationError` where a field is wrong or the record number is taken."""
    authorize(user, Action.EDIT_PATIENT, clinic)
    patient = Patient(
        clinic=clinic,
        record_number=record_number.strip(),
        name=name.strip(),
        birth_date=birth_date,
        sex=sex,
        diabetes_type=diabetes_type,
        diabetes_since=diabetes_since,
    )
    patient.full_clean()
    patient.save()
    return patient


@transaction.atomic
def patient_update(*, user: User, patient: Patient, **fields: object) -> Patient:
    """Change fields of a patient (not the clinic). Raises `ValidationError` where a field is wrong."""
    authorize(user, Action.EDIT_PATIENT, patient.clinic)
    for field in ("record_number", "name", "birth_date", "sex", "diabetes_type", "diabetes_since"):
        if field in fields:
            setattr(patient, field, fields[field])
    patient.full_clean()
    patient.save()
    return patient

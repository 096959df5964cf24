from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from cases.models import Clinic, Patient, Study, User
from cases.services.patient import patient_create
from cases.services.study import study_create


@transaction.atomic
def examination_start(
    *,
    user: User,
    visit_date: dt.date,
    patient: Patient | None = None,
    clinic: Clinic | None = None,
    new_patient: dict[str, Any] | None = None,
) -> Study:
    """Open the study of a visit, for a known `patient` or for one who is registered with it, or neither of both.

    `new_patient` holds the fields of `patient_create` and goes with `clinic`. Raises `ValidationError` where a field is
    wrong; nobody is registered then.
    """
    if patient is None:
        if clinic is None or new_patient is None:
            raise ValueError("name a patient, or a clinic and the fields of a new patient")
        patient = patient_create(user=user, clinic=clinic, **new_patient)
    return study_create(user=user, clinic=patient.clinic, patient=patient, visit_date=visit_date)

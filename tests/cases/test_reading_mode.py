"""Which studies two readers read is drawn once, so that nobody can foresee or repeat it."""

from __future__ import annotations

import datetime as dt

import pytest

from cases.choices import ReadingMode
from cases.services.study import study_create
from tests.factories import PatientFactory, staffed_clinic

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 3, 1)


@pytest.fixture
def staff():
    return staffed_clinic()


def opened(staff, **fields):
    return study_create(user=staff.technician, clinic=staff.clinic, **fields)


@pytest.mark.parametrize(("share", "mode"), [(0, ReadingMode.SINGLE), (100, ReadingMode.DOUBLE)])
def test_none_and_all(staff, share, mode):
    staff.clinic.double_reading_percent = share
    studies = [opened(staff) for _ in range(5)]
    assert {study.reading_mode for study in studies} == {mode}
    assert {study.blind for study in studies} == {mode == ReadingMode.DOUBLE}


def test_the_share_is_about_what_the_clinic_asked_for(staff):
    staff.clinic.double_reading_percent = 30
    patient = PatientFactory(clinic=staff.clinic)
    days = [DAY + dt.timedelta(days=number) for number in range(200)]
    double = sum(opened(staff, patient=patient, visit_date=day).blind for day in days)
    assert 30 < double < 95


def test_opening_the_same_visit_again_draws_the_same(staff):
    staff.clinic.double_reading_percent = 50
    patients = [PatientFactory(clinic=staff.clinic) for _ in range(20)]
    first = [opened(staff, patient=patient, visit_date=DAY).blind for patient in patients]
    again = [opened(staff, patient=patient, visit_date=DAY).blind for patient in patients]
    assert first == again
    assert set(first) == {True, False}


def test_the_secret_of_the_installation_decides(staff, settings):
    staff.clinic.double_reading_percent = 50
    patients = [PatientFactory(clinic=staff.clinic) for _ in range(20)]
    draws = []
    for secret in ("one", "another"):
        settings.SECRET_KEY = secret
        draws.append([opened(staff, patient=patient, visit_date=DAY).blind for patient in patients])
    assert draws[0] != draws[1]


def test_a_later_change_of_settings_leaves_open_studies_alone(staff):
    staff.clinic.double_reading_percent = 100
    study = opened(staff)
    staff.clinic.double_reading_percent = 0
    staff.clinic.blind_to_network = True
    staff.clinic.save()
    study.refresh_from_db()
    assert study.reading_mode == ReadingMode.DOUBLE
    assert not study.network_hidden

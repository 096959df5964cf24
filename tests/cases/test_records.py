"""Patients, studies, readings, selectors: within a clinic, and never across."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import Http404

from cases import choices
from cases.errors import ApplicationError, Conflict, NotAllowed
from cases.models import Clinic, Image, MaskRevision, Membership, Patient, Prediction, Reading, Report, Study
from cases.permissions import MATRIX, Action, may
from cases.selectors.image import latest_image
from cases.selectors.reading import reading_of
from cases.selectors.study import study_get
from cases.services.clinic import membership_set
from cases.services.patient import patient_create, patient_update
from cases.services.reading import Words, reading_save
from cases.services.study import study_create, study_set_patient
from inference.lesions import LESIONS
from tests.factories import (
    ImageFactory,
    MaskRevisionFactory,
    PatientFactory,
    ReadingFactory,
    ReportFactory,
    UserFactory,
    staffed_clinic,
)

pytestmark = pytest.mark.django_db


def test_lesions_are_those_of_the_networks_in_their_order():
    assert tuple(choices.Lesion.values) == LESIONS


@pytest.mark.parametrize(
    "model", [Clinic, Membership, Patient, Study, Image, Prediction, MaskRevision, Reading, Report]
)
def test_every_record_is_seen_by_its_clinic_alone(model):
    ours, theirs = staffed_clinic(), staffed_clinic()
    for staff in (ours, theirs):
        MaskRevisionFactory(prediction=staff.prediction)
        ReadingFactory(study=staff.study, reader=staff.reader)
        ReportFactory(study=staff.study)
    everything = set(model.objects.values_list("pk", flat=True))
    mine = set(model.objects.for_user(ours.reader).values_list("pk", flat=True))
    yours = set(model.objects.for_user(theirs.reader).values_list("pk", flat=True))
    assert mine
    assert yours
    assert not mine & yours
    assert mine | yours == everything
    assert set(model.objects.for_user(UserFactory(is_superuser=True)).values_list("pk", flat=True)) == everything
    assert not model.objects.for_user(UserFactory()).exists()
    assert not model.objects.for_user(AnonymousUser()).exists()
    ours.reader.is_active = False
    assert not model.objects.for_user(ours.reader).exists()


def test_every_role_can_look_and_only_readers_conclude():
    assert all(Action.VIEW in actions for actions in MATRIX.values())
    assert {role for role, actions in MATRIX.items() if Action.READ in actions} == {
        choices.Role.READER,
        choices.Role.SENIOR_READER,
    }
    assert set(MATRIX) == set(choices.Role.values)


def test_one_person_has_one_role_per_clinic():
    staff = staffed_clinic()
    membership_set(user=staff.technician, clinic=staff.clinic, role=choices.Role.SENIOR_READER)
    assert may(staff.technician, Action.READ, staff.clinic)
    assert staff.technician.memberships.count() == 1


def test_a_record_number_is_unique_in_its_clinic_only():
    ours, theirs = staffed_clinic(), staffed_clinic()
    patient_create(user=ours.technician, clinic=ours.clinic, record_number=" A1 ", name="Li Wei")
    with pytest.raises(ValidationError):
        patient_create(user=ours.technician, clinic=ours.clinic, record_number="A1", name="Wang Fang")
    assert patient_create(user=theirs.reader, clinic=theirs.clinic, record_number="A1", name="Wang Fang").pk


def test_a_patient_is_changed_by_their_clinic_alone():
    ours, theirs = staffed_clinic(), staffed_clinic()
    patient = PatientFactory(clinic=ours.clinic, birth_date=dt.date(1960, 6, 15))
    with pytest.raises(NotAllowed):
        patient_update(user=theirs.clinicadmin, patient=patient, name="X")
    assert patient_update(user=ours.technician, patient=patient, name="Zhang Min").name == "Zhang Min"
    assert patient.age_on(dt.date(2026, 6, 14)) == 65
    assert patient.age_on(dt.date(2026, 6, 15)) == 66


def test_a_study_takes_a_patient_of_its_own_clinic_once():
    ours, theirs = staffed_clinic(), staffed_clinic()
    stranger = PatientFactory(clinic=theirs.clinic)
    with pytest.raises(ApplicationError):
        study_create(user=ours.reader, clinic=ours.clinic, patient=stranger)
    study = study_create(user=ours.reader, clinic=ours.clinic)
    patient = PatientFactory(clinic=ours.clinic)
    assert study_set_patient(user=ours.reader, study=study, patient=patient).patient == patient
    with pytest.raises(Conflict):
        study_set_patient(user=ours.reader, study=study, patient=PatientFactory(clinic=ours.clinic))


def test_each_reader_has_one_reading_of_a_study():
    staff = staffed_clinic()
    reading_save(user=staff.reader, study=staff.study, words=Words("Mild", grade_od=1))
    again = reading_save(user=staff.reader, study=staff.study, words=Words("Moderate", grade_od=2, grade_os=0))
    assert Reading.objects.filter(study=staff.study).get() == again
    assert reading_of(staff.reader, staff.study).diagnosis == "Moderate"
    assert reading_of(staff.senior, staff.study) is None
    with pytest.raises(NotAllowed):
        reading_save(user=staff.technician, study=staff.study, words=Words("-"))
    with pytest.raises(ValidationError):
        reading_save(user=staff.reader, study=staff.study, words=Words("-", grade_od=7))


def test_the_latest_photograph_is_the_callers_own_upload():
    staff = staffed_clinic()
    newest = ImageFactory(study=staff.study, uploaded_by=staff.reader)
    ImageFactory(study=staff.study, uploaded_by=staff.senior)
    assert latest_image(staff.reader) == newest
    assert latest_image(staff.reader, image_id=staff.image.pk) == staff.image
    with pytest.raises(ApplicationError):
        latest_image(staff.clinicadmin)
    with pytest.raises(Http404):
        latest_image(staffed_clinic().reader, image_id=newest.pk)
    with pytest.raises(Http404):
        latest_image(staffed_clinic().reader, study_id=staff.study.pk)


def test_a_study_page_costs_the_same_number_of_queries_however_many_photographs(django_assert_max_num_queries):
    staff = staffed_clinic()
    for _number in range(4):
        ImageFactory(study=staff.study)
    with django_assert_max_num_queries(6):
        study = study_get(staff.reader, staff.study.pk)
        for image in study.images.all():
            [list(prediction.lesions.all()) for prediction in image.predictions.all()]
            [revision.author.username for revision in image.revisions.all()]

"""Starting an examination: patient, visit, and what the page offers."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from cases.models import Patient, Study
from tests.factories import MembershipFactory, PatientFactory, StudyFactory, UserFactory, staffed_clinic

pytestmark = pytest.mark.django_db
PAGE = reverse("cases:diagnosis")
START = reverse("cases:diagnosis_start")


@pytest.fixture
def member(client):
    made = MembershipFactory()
    client.force_login(made.user)
    return made


def new_patient(clinic, **changes):
    return {
        "whose": "new",
        "visit_date": "2024-05-06",
        "new-clinic": clinic.pk,
        "new-record_number": "R-1",
        "new-name": "王秀英",
        "new-sex": "F",
        "new-diabetes_type": "type2",
        **changes,
    }


def test_page_states_limits_and_that_it_needs_javascript(client, member, settings):
    settings.DRWEB_MAX_UPLOAD_MB = 37
    page = client.get(PAGE).content.decode()
    assert "up to 37 MB" in page
    assert "needs JavaScript" in page


def test_page_says_that_no_network_is_installed(client, member, monkeypatch, tmp_path):
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path))
    answer = client.get(PAGE)
    assert "No network is installed" in answer.content.decode()
    assert answer.context["networks"] == []


def test_known_patient(client, member):
    patient = PatientFactory(clinic=member.clinic)
    answer = client.post(START, {"whose": "known", "patient": patient.pk, "visit_date": "2024-05-06"})
    study = Study.objects.get()
    assert answer.json()["study_url"] == reverse("cases:study", args=[study.pk])
    assert (study.patient, study.visit_date, study.created_by) == (patient, dt.date(2024, 5, 6), member.user)


def test_new_patient_is_registered_with_the_study(client, member):
    answer = client.post(START, new_patient(member.clinic))
    assert answer.status_code == 200
    patient = Patient.objects.get()
    assert Study.objects.get().patient == patient
    assert patient.name == "王秀英"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"new-name": ""}, "new-name"),
        ({"new-record_number": ""}, "new-record_number"),
        ({"visit_date": "2999-01-01"}, "visit_date"),
        ({"visit_date": "soon"}, "visit_date"),
    ],
)
def test_faults_are_named_by_field_and_nothing_is_made(client, member, changes, field):
    answer = client.post(START, new_patient(member.clinic, **changes))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "invalid"
    assert list(error["details"]) == [field]
    assert not Patient.objects.exists()
    assert not Study.objects.exists()


def test_taken_record_number_is_named(client, member):
    PatientFactory(clinic=member.clinic, record_number="R-1")
    error = client.post(START, new_patient(member.clinic)).json()["error"]
    assert error["details"] == {"new-record_number": ["Another patient of this clinic has this record number."]}
    assert not Study.objects.exists()


def test_no_patient_chosen(client, member):
    error = client.post(START, {"whose": "known", "visit_date": "2024-05-06"}).json()["error"]
    assert "Choose a patient" in error["details"]["patient"][0]


def test_other_clinics_patient_cannot_be_chosen(client):
    here, there = staffed_clinic(), staffed_clinic()
    for user in here.by_role().values():
        client.force_login(user)
        before = Study.objects.count()
        data = {"whose": "known", "patient": there.study.patient_id, "visit_date": "2024-05-06"}
        assert client.post(START, data).status_code == 400
        assert Study.objects.count() == before


def test_ended_session_is_told_as_such(client):
    answer = client.post(START, {"whose": "known"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"


def test_photographs_are_added_to_a_study_or_a_patient(client, member):
    study = StudyFactory(clinic=member.clinic)
    page = client.get(PAGE, {"study": study.pk}).content.decode()
    assert f'"studyId": {study.pk}' in page
    patient = PatientFactory(clinic=member.clinic)
    page = client.get(PAGE, {"patient": patient.pk}).content.decode()
    assert f'name="patient" value="{patient.pk}" checked' in page


@pytest.mark.parametrize("name", ["study", "patient"])
def test_other_clinics_ids_and_nonsense_are_not_found(client, name):
    here, there = staffed_clinic(), staffed_clinic()
    ids = {"study": there.study.pk, "patient": there.study.patient_id}
    for user in here.by_role().values():
        client.force_login(user)
        assert client.get(PAGE, {name: ids[name]}).status_code == 404
        assert client.get(PAGE, {name: "1 OR 1=1"}).status_code == 404


def test_user_without_a_clinic_is_told_so(client):
    client.force_login(UserFactory())
    assert client.get(PAGE).status_code == 403


def test_future_visits_are_refused_but_today_is_fine(client, member):
    patient = PatientFactory(clinic=member.clinic)
    data = {"whose": "known", "patient": patient.pk, "visit_date": timezone.localdate().isoformat()}
    assert client.post(START, data).status_code == 200

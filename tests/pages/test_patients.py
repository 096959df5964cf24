"""Patients: search, register, change; nothing typed is lost, and nothing is seen of another clinic."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from cases.choices import Role
from cases.models import Patient
from tests.factories import MembershipFactory, PatientFactory, StudyFactory, UserFactory, staffed_clinic

pytestmark = pytest.mark.django_db
NEW = reverse("cases:patient_new")


def fields(clinic=None, **changes):
    values = {
        "record_number": "R-1",
        "name": "王秀英",
        "birth_date": "1950-03-04",
        "sex": "F",
        "diabetes_type": "type2",
        "diabetes_since": "2001",
        **changes,
    }
    return values | ({"clinic": clinic.pk} if clinic else {})


@pytest.fixture
def member(client):
    made = MembershipFactory(role=Role.TECHNICIAN)
    client.force_login(made.user)
    return made


def test_register(client, member):
    answer = client.post(NEW, fields(member.clinic), follow=True)
    patient = Patient.objects.get()
    assert answer.redirect_chain == [(reverse("cases:patient", args=[patient.pk]), 302)]
    assert (patient.clinic, patient.name, patient.birth_date) == (member.clinic, "王秀英", dt.date(1950, 3, 4))
    assert "王秀英 is registered." in answer.content.decode()


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"record_number": ""}, "record_number", "This field is required."),
        ({"record_number": "   "}, "record_number", "This field is required."),
        ({"name": ""}, "name", "This field is required."),
        ({"birth_date": "1950-13-40"}, "birth_date", "Enter a valid date."),
        ({"birth_date": "2999-01-01"}, "birth_date", "The date of birth lies in the future."),
        ({"diabetes_since": "2999"}, "diabetes_since", "This year lies in the future."),
        ({"diabetes_since": "12"}, "diabetes_since", "greater than or equal to 1900"),
        ({"sex": "X"}, "sex", "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_and_what_is_right_stays(client, member, changes, field, sentence):
    answer = client.post(NEW, fields(member.clinic, **changes))
    assert not Patient.objects.exists()
    assert sentence in str(answer.context["form"].errors[field])
    page = answer.content.decode()
    assert page.count("field--invalid") == 1
    kept = "R-1" if field == "name" else "王秀英"
    assert f'value="{kept}"' in page


def test_record_number_is_taken(client, member):
    PatientFactory(clinic=member.clinic, record_number="R-1")
    answer = client.post(NEW, fields(member.clinic))
    assert "Another patient of this clinic has this record number." in str(
        answer.context["form"].errors["record_number"]
    )
    assert Patient.objects.count() == 1


def test_same_record_number_in_two_clinics(client, member):
    PatientFactory(record_number="R-1")
    assert client.post(NEW, fields(member.clinic)).status_code == 302


def test_clinic_is_asked_for_only_where_there_are_several(client, member):
    assert 'type="hidden" name="clinic"' in client.get(NEW).content.decode()
    other = MembershipFactory(user=member.user, role=Role.READER).clinic
    assert '<select name="clinic"' in client.get(NEW).content.decode()
    client.post(NEW, fields(other))
    assert Patient.objects.get().clinic == other


def test_nobody_registers_for_a_clinic_they_do_not_work_in(client, member):
    answer = client.post(NEW, fields(MembershipFactory().clinic))
    assert answer.context["form"].errors["clinic"]
    assert not Patient.objects.exists()


def test_change(client, member):
    patient = PatientFactory(clinic=member.clinic, name="Wang")
    address = reverse("cases:patient_edit", args=[patient.pk])
    assert "Wang" in client.get(address).content.decode()
    assert client.post(address, fields(name="王秀英")).status_code == 302
    patient.refresh_from_db()
    assert patient.name == "王秀英"


def test_change_to_a_taken_record_number(client, member):
    PatientFactory(clinic=member.clinic, record_number="R-1")
    patient = PatientFactory(clinic=member.clinic, name="Wang", record_number="R-2")
    answer = client.post(reverse("cases:patient_edit", args=[patient.pk]), fields(name="王秀英"))
    assert answer.context["form"].errors["record_number"]
    assert 'value="王秀英"' in answer.content.decode()
    patient.refresh_from_db()
    assert patient.name == "Wang"


def test_list_and_search(client, member):
    PatientFactory(clinic=member.clinic, name="Ann Smith", record_number="S-1")
    patient = PatientFactory(clinic=member.clinic, name="Bo Li", record_number="L-1")
    StudyFactory(clinic=member.clinic, patient=patient, visit_date=dt.date(2024, 5, 6))
    rows = list(client.get(reverse("cases:patients"), {"q": "bo"}).context["rows"])
    assert [(row.name, row.study_count, row.last_visit) for row in rows] == [("Bo Li", 1, dt.date(2024, 5, 6))]
    found = client.get(reverse("cases:patient_search"), {"q": "s-"}).json()
    assert found["total"] == 1
    assert found["patients"][0]["name"] == "Ann Smith"


def test_detail_shows_studies(client, member):
    patient = PatientFactory(clinic=member.clinic, birth_date=timezone.localdate() - dt.timedelta(days=366 * 50))
    study = StudyFactory(clinic=member.clinic, patient=patient)
    page = client.get(reverse("cases:patient", args=[patient.pk])).content.decode()
    assert reverse("cases:study", args=[study.pk]) in page
    assert "50 years" in page


@pytest.mark.parametrize("name", ["patient", "patient_edit"])
def test_other_clinics_patients_are_not_found(client, name):
    here, there = staffed_clinic(), staffed_clinic()
    for user in here.by_role().values():
        client.force_login(user)
        assert client.get(reverse(f"cases:{name}", args=[here.study.patient_id])).status_code == 200
        assert client.get(reverse(f"cases:{name}", args=[there.study.patient_id])).status_code == 404
        assert client.get(reverse("cases:patient_search"), {"q": there.study.patient.name}).json()["total"] == 0


@pytest.mark.parametrize("name", ["patients", "patient_new", "patient_search", "diagnosis"])
def test_visitors_are_sent_to_the_login(client, name):
    address = reverse(f"cases:{name}")
    assert client.get(address)["Location"] == f"{reverse('login')}?next={address}"


def test_user_without_a_clinic_registers_nobody(client):
    client.force_login(UserFactory())
    assert client.get(NEW).status_code == 403

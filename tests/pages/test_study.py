"""The frame of the study page; its script is tested in a browser."""

import json
import re
from types import SimpleNamespace

import pytest
from django.urls import reverse

from cases.choices import Lesion, Role
from inference.lesions import LESION_COLOURS
from tests.factories import PatientFactory, ReadingFactory, StudyFactory, UserFactory, staffed_clinic

pytestmark = pytest.mark.django_db


def page_of(client, study):
    answer = client.get(reverse("cases:study", args=[study.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def data_of(page):
    return json.loads(re.search(r'<script id="page-data" type="application/json">(.*?)</script>', page, re.DOTALL)[1])


@pytest.mark.parametrize(
    ("role", "analyses", "reads", "reports"),
    [
        (Role.TECHNICIAN, True, False, False),
        (Role.READER, True, True, True),
        (Role.SENIOR_READER, True, True, True),
        (Role.CLINIC_ADMIN, True, False, True),
    ],
)
def test_page_offers_what_the_role_may_do(client, role, analyses, reads, reports):
    staff = staffed_clinic()
    client.force_login(staff.by_role()[role])
    page = page_of(client, staff.study)
    may = data_of(page)["may"]
    assert ("analyse" in may) is analyses
    assert ("correct" in may) is reads
    assert ('id="reading"' in page) is reads
    assert ('id="report"' in page) is reports


def test_other_clinics_study_is_not_found(client):
    here, there = staffed_clinic(), staffed_clinic()
    for user in here.by_role().values():
        client.force_login(user)
        assert client.get(reverse("cases:study", args=[there.study.pk])).status_code == 404
    client.force_login(UserFactory(is_superuser=True))
    assert client.get(reverse("cases:study", args=[there.study.pk])).status_code == 200


def test_visitor_is_sent_to_the_login(client):
    address = reverse("cases:study", args=[staffed_clinic().study.pk])
    assert client.get(address)["Location"] == f"{reverse('login')}?next={address}"


def test_colours_come_from_the_one_source(client):
    staff = staffed_clinic()
    client.force_login(staff.reader)
    lesions = data_of(page_of(client, staff.study))["lesions"]
    assert {lesion["code"]: tuple(lesion["colour"]) for lesion in lesions} == dict(LESION_COLOURS)
    assert [lesion["code"] for lesion in lesions] == Lesion.values


def test_own_reading_is_filled_in_and_others_are_shown(client):
    staff = staffed_clinic()
    ReadingFactory(study=staff.study, reader=staff.reader, diagnosis="mine", grade_od=2)
    ReadingFactory(study=staff.study, reader=staff.senior, diagnosis="<b>theirs</b>")
    ReadingFactory(study=staff.study, reader=staff.clinicadmin)  # nothing written yet
    client.force_login(staff.reader)
    page = page_of(client, staff.study)
    reading = data_of(page)["reading"]
    assert (reading["diagnosis"], reading["grade_od"], reading["grade_os"]) == ("mine", 2, None)
    assert "&lt;b&gt;theirs&lt;/b&gt;" in page
    assert page.count('class="other-reading"') == 1


def test_study_without_a_patient(client):
    staff = staffed_clinic()
    study = StudyFactory(clinic=staff.clinic, patient=None)
    client.force_login(staff.reader)
    assert "No patient named" in page_of(client, study)


def test_script_in_a_name_stays_text(client):
    staff = staffed_clinic()
    staff.study.patient.name = "</script><script>alert(1)</script>"
    staff.study.patient.save()
    client.force_login(staff.reader)
    assert "<script>alert" not in page_of(client, staff.study)


def test_number_of_queries_does_not_depend_on_the_photographs(client, django_assert_max_num_queries):
    staff = staffed_clinic()
    client.force_login(staff.reader)
    # session, user, study, role, own reading, other readings, memberships of the head; second opinions and shares;
    # which networks are active, for the choice and for the grader's figures
    page_of(client, staff.study)  # the first look is written into the history
    with django_assert_max_num_queries(12):
        page_of(client, staff.study)


def test_patient_is_named_later(client):
    here, there = staffed_clinic(), staffed_clinic()
    study = StudyFactory(clinic=here.clinic, patient=None)
    address = reverse("cases:study_patient", args=[study.pk])
    for user in here.by_role().values():
        client.force_login(user)
        assert address in page_of(client, study)
        page = client.get(address).content.decode()
        assert here.study.patient.name in page
        for nobody in (there.study.patient_id, "", "x", "9" * 40):
            assert client.post(address, {"patient": nobody}).status_code == 404
        assert client.get(reverse("cases:study_patient", args=[there.study.pk])).status_code == 404
    assert client.post(address, {"patient": here.study.patient_id})["Location"] == reverse(
        "cases:study", args=[study.pk]
    )
    study.refresh_from_db()
    assert study.patient == here.study.patient
    assert address not in page_of(client, study)


def test_patient_of_a_study_is_not_exchanged(client):
    staff = staffed_clinic()
    other = PatientFactory(clinic=staff.clinic)
    client.force_login(staff.technician)
    answer = client.post(reverse("cases:study_patient", args=[staff.study.pk]), {"patient": other.pk}, follow=True)
    assert "already belongs to another patient" in answer.content.decode()
    staff.study.refresh_from_db()
    assert staff.study.patient != other


def test_grade_stands_beside_what_the_grader_is_worth(client, monkeypatch):
    from cases import networks

    staff = staffed_clinic()
    client.force_login(staff.reader)
    monkeypatch.setattr(networks, "active_versions", dict)
    assert "validation photographs" not in page_of(client, staff.study)
    validation = {"images": 192, "quadratic_kappa": 0.123, "referable_auc": 0.745}
    card = SimpleNamespace(kind="grading", validation=validation)
    monkeypatch.setattr(networks, "active_versions", lambda: {"grader": SimpleNamespace(card=card)})
    page = page_of(client, staff.study)
    assert "On 192 validation photographs" in page
    assert "kappa of 0.12" in page
    assert "AUC of 0.7" in page

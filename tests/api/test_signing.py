"""Signing, amending and verifying over HTTP, with the password asked again."""

from __future__ import annotations

import hashlib

import pytest

from cases.models import Reading
from tests.api.conftest import error_of, session_of, token_of
from tests.factories import PASSWORD, Staff, judged_study

pytestmark = pytest.mark.django_db
WORDS = {"diagnosis": "Moderate NPDR.", "grade_od": 2, "grade_os": "Mild NPDR", "macula_od": "none"}


@pytest.fixture
def study(staff: Staff):
    return judged_study(staff.clinic)


def sign(client, study, **more):
    return client.post(f"/api/studies/{study.pk}/sign", {**WORDS, "password": PASSWORD, **more})


def test_sign_read_amend_verify(staff: Staff, study):
    client = session_of(staff.reader)
    seen = client.get(f"/api/studies/{study.pk}").json()["seen"]
    signed = sign(client, study, seen=seen)
    assert signed.status_code == 200, signed.content
    assert (signed.json()["state"], signed.json()["version"]) == ("signed", 1)

    told = client.get(f"/api/studies/{study.pk}").json()
    assert told["reading_state"] == "signed"
    assert told["reading"]["sha256"] == signed.json()["sha256"]
    assert (told["decision"]["referral"], told["decision"]["proposed"]) == (1, False)

    checked = client.get(f"/api/readings/{signed.json()['reading_id']}/signature").json()
    assert checked["valid"] is True
    assert hashlib.sha256(checked["document"].encode()).hexdigest() == checked["sha256"]

    assert client.post(f"/api/studies/{study.pk}/amendment", {"reason": "Second look"}).status_code == 200
    assert sign(client, study, grade_od=4).json()["version"] == 2
    listed = client.get(f"/api/studies/{study.pk}/readings").json()["readings"]
    assert [(row["version"], row["grade_od"], row["reason"]) for row in listed] == [(1, 2, ""), (2, 4, "Second look")]
    decision = client.get(f"/api/studies/{study.pk}/decision").json()["decision"]
    assert (decision["referral_label"], decision["months"]) == ("Refer urgently", 1)


def test_what_waits_for_a_senior_reader_is_neither_proposed_nor_settled(staff: Staff, study):
    study.images.first().predictions.update(rule_grade=0)
    client = session_of(staff.reader)
    proposed = client.get(f"/api/studies/{study.pk}/decision").json()["decision"]
    assert (proposed["proposed"], proposed["standing_label"]) == (True, "Proposed by the network, not signed")
    assert sign(client, study).status_code == 200
    decision = client.get(f"/api/studies/{study.pk}/decision").json()["decision"]
    assert (decision["proposed"], decision["standing"]) == (False, "unsettled")
    assert decision["standing_label"] == "Signed, but a senior reader has not decided yet"
    chinese = client.get(f"/api/studies/{study.pk}/decision", headers={"Accept-Language": "zh-hans"}).json()
    assert chinese["decision"]["standing_label"] == "已签署，但高级阅片者尚未裁定"


def test_a_token_signs_with_the_password_too(staff: Staff, study):
    assert sign(token_of(staff.reader), study).status_code == 200


def test_a_wrong_password_signs_nothing(staff: Staff, study):
    response = sign(session_of(staff.reader), study, password=PASSWORD + " ")
    assert response.status_code == 403
    assert error_of(response)["code"] == "wrong_password"
    assert not Reading.objects.exists()


def test_wrong_passwords_count_like_failed_logins(staff: Staff, study, settings):
    settings.AXES_ENABLED, settings.AXES_FAILURE_LIMIT = True, 3
    client = session_of(staff.reader)
    codes = [error_of(sign(client, study, password=f"guess {number}"))["code"] for number in range(4)]
    assert codes == ["wrong_password", "wrong_password", "locked_out", "locked_out"]
    locked = sign(client, study)
    assert (locked.status_code, error_of(locked)["code"]) == (429, "locked_out")
    assert not Reading.objects.exists()
    login = client.post("/accounts/login/", {"username": staff.reader.username, "password": PASSWORD})
    assert login.status_code in (302, 429)
    assert sign(session_of(staff.senior), study).status_code == 200


def test_a_role_that_cannot_sign_cannot_guess(staff: Staff, study):
    response = sign(session_of(staff.technician), study, password="guess")
    assert error_of(response)["code"] == "not_allowed"


def test_signing_twice_is_a_conflict(staff: Staff, study):
    client = session_of(staff.reader)
    sign(client, study)
    response = sign(client, study)
    assert (response.status_code, error_of(response)["code"]) == (409, "already_signed")
    late = sign(session_of(staff.senior), study)
    assert (late.status_code, error_of(late)["code"]) == (409, "study_signed")


def test_a_study_that_changed_meanwhile_is_not_signed(staff: Staff, study):
    client = session_of(staff.reader)
    seen = client.get(f"/api/studies/{study.pk}").json()["seen"]
    client.patch(f"/api/images/{study.images.first().pk}", {"laterality": "OS"})
    response = sign(client, study, seen=seen)
    assert (response.status_code, error_of(response)["code"]) == (409, "changed_since_seen")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"grade_os": None}, "eye_not_graded"),
        ({"gradability_od": "ungradable"}, "graded_though_ungradable"),
        ({"macula_od": "perhaps"}, "invalid"),
        ({"password": ""}, "invalid"),
    ],
)
def test_what_is_incomplete_is_not_signed(staff: Staff, study, change, code):
    response = sign(session_of(staff.reader), study, **change)
    assert (response.status_code, error_of(response)["code"]) == (400, code)
    assert not Reading.objects.exists()


def test_a_draft_has_no_signature(staff: Staff, study):
    client = session_of(staff.reader)
    draft = client.put(f"/api/studies/{study.pk}/reading", WORDS).json()
    assert (draft["state"], draft["sha256"], draft["macula_od"]) == ("draft", "", "none")
    assert client.get(f"/api/readings/{draft['reading_id']}/signature").status_code == 404

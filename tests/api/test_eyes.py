"""Quality, landmarks, the grade by rule, duplicates and earlier visits, as the API tells them."""

from __future__ import annotations

import datetime as dt
import io

import pytest

from cases.choices import Laterality, Lesion
from cases.models import LesionResult
from tests.api.conftest import error_of, session_of
from tests.factories import (
    ImageFactory,
    MaskRevisionFactory,
    PatientFactory,
    PredictionFactory,
    StudyFactory,
    fundus_jpeg,
    staffed_clinic,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return staffed_clinic()


def upload(client, study_id=None):
    file = io.BytesIO(fundus_jpeg())
    file.name = "eye.jpg"
    data = {"image": file} | ({"study_id": study_id} if study_id else {})
    return client.post("/api/upload_image", data, format="multipart")


def test_an_upload_tells_its_quality_and_where_the_same_file_is(staff):
    client = session_of(staff.technician)
    first = upload(client).json()
    assert first["quality"]["verdict"] == "limited"
    assert {"code", "severity", "message", "advice"} == set(first["quality"]["reasons"][0])
    assert first["same_file_in"] == []
    again = upload(client, first["study_id"])
    assert (again.status_code, error_of(again)["code"]) == (409, "already_in_study")
    second = upload(client).json()
    assert second["same_file_in"] == [first["study_id"]]
    assert f"study {first['study_id']}" in second["message"]
    assert upload(session_of(staffed_clinic().technician)).json()["same_file_in"] == []


def test_quality_is_told_in_chinese(staff):
    answer = upload(session_of(staff.technician)).json()
    told = session_of(staff.reader).get(f"/api/images/{answer['image_id']}", HTTP_ACCEPT_LANGUAGE="zh-hans").json()
    assert "像素过少" in told["quality"]["reasons"][0]["message"]
    assert told["quality"]["verdict_label"] != "Gradable with limits"


def test_a_reader_s_verdict_is_told_with_its_note(staff):
    client = session_of(staff.reader)
    url = f"/api/images/{staff.image.pk}/quality"
    assert error_of(client.put(url, {"verdict": "ungradable", "note": ""}))["code"] == "note_needed"
    quality = client.put(url, {"verdict": "ungradable", "note": "Cataract."}).json()["quality"]
    assert (quality["verdict"], quality["note"]) == ("ungradable", "Cataract.")
    assert quality["overridden_by"] == staff.reader.display_name()


def test_the_rules_of_corrected_masks_are_told_beside_those_of_the_network(staff):
    client = session_of(staff.reader)
    MaskRevisionFactory(prediction=staff.prediction, lesion=Lesion.HE, author=staff.reader)
    client.put(f"/api/images/{staff.image.pk}/landmarks", {"kind": "fovea", "x": 100, "y": 104})
    told = client.get(f"/api/images/{staff.image.pk}/rules").json()
    assert (told["grade"], told["corrected"]) == (2, True)
    [haemorrhages] = [finding for finding in told["findings"] if finding["code"] == "haemorrhages"]
    assert haemorrhages["regions"] == [[90, 90, 30, 20]]
    assert sum(haemorrhages["quadrants"].values()) == haemorrhages["count"] == 1
    assert told["macula"]["state"] == "referable"
    assert len(told["not_assessed"]) == 4
    assert told["only_sure"] is False
    stored = client.get(f"/api/predictions/{staff.prediction.pk}").json()["result"]["rules"]
    assert (stored["grade"], stored["disagrees"]) == (None, False)  # from before there were rules


def test_it_is_told_that_only_sure_areas_count(staff):
    prediction = staff.prediction
    prediction.networks = {"segmentation": {"name": "unet", "rule_certainty": {"HE": 0.7}}}
    prediction.rule_grade, prediction.grade = 0, 0
    prediction.save()
    client = session_of(staff.reader)
    for rules in (
        client.get(f"/api/images/{staff.image.pk}/rules").json(),
        client.get(f"/api/predictions/{prediction.pk}").json()["result"]["rules"],
    ):
        assert rules["only_sure"] is True


def test_rules_of_a_photograph_without_a_result_are_refused(staff):
    image = ImageFactory(study=staff.study)
    assert error_of(session_of(staff.reader).get(f"/api/images/{image.pk}/rules"))["code"] == "not_analysed"


def visit(patient, day: int, laterality=Laterality.OD, **counts: int):
    study = StudyFactory(clinic=patient.clinic, patient=patient, visit_date=dt.date(2026, 1, day))
    prediction = PredictionFactory(image=ImageFactory(study=study, laterality=laterality, field="macula"))
    for lesion, count in counts.items():
        LesionResult.objects.filter(prediction=prediction, lesion=lesion).update(count=count, area_disc=count / 10)
    return study


def test_earlier_visits_are_compared_per_eye_and_field(staff):
    patient = PatientFactory(clinic=staff.clinic)
    oldest, later = visit(patient, 1, HE=2), visit(patient, 20, HE=9)
    left = visit(patient, 10, Laterality.OS, HE=5)
    now = visit(patient, 15, HE=6)
    visit(PatientFactory(clinic=staff.clinic), 2)
    visits = session_of(staff.reader).get(f"/api/studies/{now.pk}/visits").json()["visits"]
    assert [row["study_id"] for row in visits] == [left.pk, oldest.pk]
    assert later.pk not in {row["study_id"] for row in visits}
    other, same = (row["photographs"][0] for row in visits)
    assert (other["eye"], other["paired"], other["lesions"][2]["count_change"]) == ("OS", False, None)
    assert (same["paired"], same["lesions"][2]["count"], same["lesions"][2]["count_change"]) == (True, 2, 4)
    assert same["lesions"][2]["area_change"] == pytest.approx(0.4)


def test_a_study_without_a_patient_has_no_earlier_visits(staff):
    study = StudyFactory(clinic=staff.clinic, patient=None)
    assert session_of(staff.reader).get(f"/api/studies/{study.pk}/visits").json() == {"visits": []}

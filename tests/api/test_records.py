"""Studies, photographs, readings and files."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from PIL import Image as PillowImage

from cases.choices import PredictionState
from cases.models import Reading
from cases.selectors.study import study_version
from tests.api.conftest import error_of, session_of
from tests.factories import (
    HEIGHT,
    WIDTH,
    ImageFactory,
    MaskRevisionFactory,
    PredictionFactory,
    ReadingFactory,
    ReportFactory,
    Staff,
)

pytestmark = pytest.mark.django_db


def test_a_study_is_told_with_all_that_its_page_shows(staff: Staff):
    waiting = PredictionFactory(image=staff.image, model_name="manet", state=PredictionState.QUEUED)
    revision = MaskRevisionFactory(prediction=staff.prediction, lesion="SE", author=staff.senior)
    ReadingFactory(study=staff.study, reader=staff.senior, diagnosis="Not the caller's.")
    answer = session_of(staff.reader).get(f"/api/studies/{staff.study.pk}").json()
    assert answer["study_id"] == staff.study.pk
    assert answer["clinic"] == staff.clinic.name
    assert answer["patient"]["record_number"] == staff.study.patient.record_number
    assert answer["reading"] is None
    (image,) = answer["images"]
    assert image["image_id"] == staff.image.pk
    assert [row["prediction_id"] for row in image["predictions"]] == [waiting.pk, staff.prediction.pk]
    assert (image["predictions"][0]["state"], image["predictions"][0]["queue_position"]) == ("queued", 0)
    assert image["predictions"][1]["result"]["grade"] == 2
    assert [(mask["lesion"], mask["revision"], mask["author"]) for mask in image["current_masks"]] == [
        ("EX", 0, None),
        ("SE", 1, staff.senior.username),
        ("HE", 0, None),
        ("MA", 0, None),
    ]
    assert [row["revision_id"] for row in image["revisions"]] == [revision.pk]


def test_a_study_whose_patient_is_not_named_yet(staff: Staff):
    study = ImageFactory(study__clinic=staff.clinic, study__patient=None).study
    answer = session_of(staff.reader).get(f"/api/studies/{study.pk}").json()
    assert answer["patient"] is None
    assert answer["images"][0]["predictions"] == answer["images"][0]["current_masks"] == []


def fill(staff: Staff, images: int) -> None:
    for _ in range(images):
        image = ImageFactory(study=staff.study)
        for name in ("unet", "manet"):
            prediction = PredictionFactory(image=image, model_name=name)
            PredictionFactory(image=image, model_name=name, state=PredictionState.QUEUED)
        for number, lesion in enumerate(("EX", "EX", "MA"), 1):
            MaskRevisionFactory(prediction=prediction, lesion=lesion, number=number, author=staff.senior)
    ReportFactory(study=staff.study)
    ReportFactory(study=staff.study)


def test_a_study_of_many_photographs_costs_no_more_queries(staff: Staff, django_assert_num_queries):
    """Session, user, study; images, predictions, lesions, revisions, reports; pace, workers and places of the queue;
    the caller's reading, whether others signed, the clinic's table of referral."""
    fill(staff, images=4)
    client = session_of(staff.reader)
    client.get(f"/api/studies/{staff.study.pk}")  # the first look is written into the history
    with django_assert_num_queries(14):
        answer = client.get(f"/api/studies/{staff.study.pk}").json()
    assert len(answer["images"]) == 5


def test_a_photograph_costs_few_queries(staff: Staff, django_assert_num_queries):
    fill(staff, images=1)
    image = staff.study.images.last()
    client = session_of(staff.reader)
    client.get(f"/api/images/{image.pk}")  # the first look is written into the history
    with django_assert_num_queries(9):
        client.get(f"/api/images/{image.pk}")
    with django_assert_num_queries(5):
        client.get(f"/api/predictions/{image.predictions.last().pk}")


def test_eye_and_field_of_a_photograph_can_be_stated(staff: Staff):
    client = session_of(staff.technician)
    address = f"/api/images/{staff.image.pk}"
    assert client.patch(address, {"laterality": "OS"}).json()["laterality"] == "OS"
    answer = client.patch(address, {"field": "disc"}).json()
    assert (answer["laterality"], answer["field"]) == ("OS", "disc")
    response = client.patch(address, {"laterality": "both"})
    assert response.status_code == 400
    assert list(error_of(response)["details"]) == ["laterality"]
    assert client.get(address).json()["laterality"] == "OS"


def test_each_reader_has_a_reading_of_their_own(staff: Staff):
    address = f"/api/studies/{staff.study.pk}/reading"
    reader, senior = session_of(staff.reader), session_of(staff.senior)
    assert reader.put(address, {"diagnosis": "A", "grade_od": 1, "grade_os": None}).status_code == 200
    assert senior.put(address, {"diagnosis": "B", "grade_od": "3"}).json()["grade_od"] == 3
    assert reader.put(address, {"diagnosis": "C"}).json()["diagnosis"] == "C"
    assert Reading.objects.count() == 2
    assert reader.get(f"/api/studies/{staff.study.pk}").json()["reading"]["diagnosis"] == "C"


# --- what a socket looks at -------------------------------------------------------------------------------------------


def test_every_change_of_a_study_gives_it_another_version(staff: Staff):
    def version() -> object:
        return study_version(staff.reader, staff.study.pk)

    seen = [version()]
    assert version() == seen[0]
    running = PredictionFactory(image=staff.image, state=PredictionState.RUNNING)
    seen.append(version())
    running.stage = "segment"
    running.save()
    seen.append(version())
    running.state = PredictionState.FAILED
    running.save()
    seen.append(version())
    MaskRevisionFactory(prediction=staff.prediction)
    seen.append(version())
    ReadingFactory(study=staff.study)
    seen.append(version())
    ReportFactory(study=staff.study)
    seen.append(version())
    ImageFactory(study=staff.study)
    seen.append(version())
    assert all(one != another for one, another in combinations(seen, 2))


def test_a_study_has_no_version_for_who_may_not_see_it(staff: Staff, other: Staff):
    assert study_version(other.senior, staff.study.pk) is None
    assert study_version(AnonymousUser(), staff.study.pk) is None


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "content_type", "stored"),
    [
        ("/api/images/{image}/original", "image/jpeg", lambda staff: staff.image.original),
        ("/api/images/{image}/preview", "image/jpeg", lambda staff: staff.image.preview),
        (
            "/api/predictions/{prediction}/masks/HE",
            "image/png",
            lambda staff: staff.prediction.lesions.get(lesion="HE").mask,
        ),
    ],
)
def test_a_file_is_private_and_sent_once(staff: Staff, address: str, content_type: str, stored):
    address = address.format(image=staff.image.pk, prediction=staff.prediction.pk)
    client = session_of(staff.reader)
    response = client.get(address, HTTP_ACCEPT="image/*")
    assert response.status_code == 200
    content = stored(staff).read()
    assert response.content == content
    assert response["Content-Type"] == content_type
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, no-cache"
    again = client.get(address, HTTP_IF_NONE_MATCH=response["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(address, HTTP_IF_NONE_MATCH='"other"').status_code == 200
    head = client.head(address)
    assert (head.status_code, head["Content-Length"]) == (200, str(len(content)))


def test_a_file_in_somebodys_cache_is_not_shown_to_who_may_no_longer_see_it(staff: Staff):
    client = session_of(staff.reader)
    etag = client.get(f"/api/images/{staff.image.pk}/original")["ETag"]
    staff.reader.memberships.all().delete()
    response = client.get(f"/api/images/{staff.image.pk}/original", HTTP_IF_NONE_MATCH=etag)
    assert response.status_code == 404


def test_stored_files_have_no_address_of_their_own(staff: Staff):
    client = session_of(staff.reader)
    for address in (f"/media/{staff.image.original.name}", f"/{staff.image.original.name}"):
        assert client.get(address).status_code == 404


def test_the_overlay_is_painted_for_the_first_who_asks_and_kept(staff: Staff):
    result = staff.prediction.lesions.get(lesion="HE")
    with result.mask.open("rb") as stored:
        mask = np.asarray(PillowImage.open(stored))
    address = f"/api/predictions/{staff.prediction.pk}/overlay"
    first = session_of(staff.reader).get(address)
    assert (first.status_code, first["Content-Type"]) == (200, "image/jpeg")
    painted = np.asarray(PillowImage.open(io.BytesIO(first.content)), int)
    assert painted.shape == (HEIGHT, WIDTH, 3)
    plain = np.asarray(PillowImage.open(staff.image.original), int)
    changed = np.abs(painted - plain).max(axis=2) > 60
    assert changed[mask].any()
    assert not changed[~mask].any()
    staff.prediction.refresh_from_db()
    assert staff.prediction.overlay.read() == first.content
    again = session_of(staff.senior).get(address)
    assert (again.content, again["ETag"]) == (first.content, first["ETag"])


def test_an_analysis_without_a_result_has_no_pictures(staff: Staff):
    row = PredictionFactory(image=staff.image, state=PredictionState.QUEUED)
    client = session_of(staff.reader)
    assert client.get(f"/api/predictions/{row.pk}/overlay").status_code == 404
    assert client.get(f"/api/predictions/{row.pk}/masks/EX").status_code == 404

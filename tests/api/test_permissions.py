"""Who may call what: every endpoint x every role x both clinics, held against `cases.permissions.MATRIX`."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.core.files.base import ContentFile
from rest_framework.test import APIClient

from cases.api.urls import urlpatterns
from cases.choices import PredictionState, ReadingState, Role
from cases.models import Reading, User
from cases.permissions import MATRIX, Action
from cases.services.reading import Words, amendment_start
from cases.services.signing import reading_sign
from tests.api.conftest import error_of, session_of, token_of
from tests.api.test_network_versions import ENDPOINTS as SYSTEM_ENDPOINTS
from tests.factories import (
    PASSWORD,
    MaskRevisionFactory,
    PredictionFactory,
    ReadingFactory,
    ReportFactory,
    Staff,
    UserFactory,
    fundus_jpeg,
    mask_png,
)

PUBLIC = {"schema", "docs", "not-found"}
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Endpoint:
    name: str
    method: str
    action: Action
    call: Callable[[APIClient, Staff], object]
    """Calls the endpoint with ids of this clinic and everything else right."""

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


def picture(content: bytes, name: str) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file


def upload(client: APIClient, staff: Staff):
    data = {"image": picture(fundus_jpeg(), "eye.jpg"), "study_id": staff.study.pk}
    return client.post("/api/upload_image", data, format="multipart")


def choose(client: APIClient, staff: Staff):
    return client.post("/api/choose_model", {"selectedModel": "Unet", "image_id": staff.image.pk, "wait": False})


def edit(client: APIClient, staff: Staff):
    data = {"image": picture(mask_png(), "mask.png"), "image_id": staff.image.pk}
    return client.post("/api/edit_image", data, format="multipart")


def report(client: APIClient, staff: Staff):
    words = {"name": "A", "age": 50, "diagnosis": "B", "grade": 1, "study_id": staff.study.pk}
    return client.post("/api/generate_report", words)


def cancel(client: APIClient, staff: Staff):
    staff.image.predictions.filter(state=PredictionState.QUEUED).delete()
    row = PredictionFactory(image=staff.image, state=PredictionState.QUEUED)
    return client.post(f"/api/predictions/{row.pk}/cancel")


def retry(client: APIClient, staff: Staff):
    row = PredictionFactory(image=staff.image, state=PredictionState.FAILED)
    return client.post(f"/api/predictions/{row.pk}/retry")


def explanation(client: APIClient, staff: Staff):
    staff.prediction.explanation.save(".png", ContentFile(mask_png()))
    return client.get(f"/api/predictions/{staff.prediction.pk}/explanation")


def revision_mask(client: APIClient, staff: Staff):
    revision = staff.image.revisions.first() or MaskRevisionFactory(prediction=staff.prediction)
    return client.get(f"/api/revisions/{revision.pk}/mask")


def report_pdf(client: APIClient, staff: Staff):
    row = ReportFactory(study=staff.study)
    return client.get(f"/api/reports/{row.pk}/pdf")


def reading(client: APIClient, staff: Staff):
    return client.put(f"/api/studies/{staff.study.pk}/reading", {"diagnosis": "B", "grade_od": 1})


WORDS = {"diagnosis": "B", "grade_od": 1}


def concluded(staff: Staff) -> Reading:
    """The study's reading, signed by its reader."""
    staff.study.images.update(laterality="OD")
    signed = staff.study.readings.filter(state=ReadingState.SIGNED).first()
    return signed or reading_sign(user=staff.reader, study=staff.study, words=Words(grade_od=1))


def sign(client: APIClient, staff: Staff):
    staff.study.images.update(laterality="OD")
    return client.post(f"/api/studies/{staff.study.pk}/sign", {**WORDS, "password": PASSWORD})


def readings(client: APIClient, staff: Staff):
    return client.get(f"/api/studies/{staff.study.pk}/readings")


def signature(client: APIClient, staff: Staff):
    return client.get(f"/api/readings/{concluded(staff).pk}/signature")


def amend(client: APIClient, staff: Staff):
    concluded(staff)
    return client.post(f"/api/studies/{staff.study.pk}/amendment", {"reason": "why"})


def drop_amendment(client: APIClient, staff: Staff):
    concluded(staff)
    amendment_start(user=staff.reader, study=staff.study, reason="why")
    return client.delete(f"/api/studies/{staff.study.pk}/amendment")


def adjudicate(client: APIClient, staff: Staff):
    if not staff.study.readings.exists():
        ReadingFactory(study=staff.study, reader=staff.reader, signed=True)
    return client.post(f"/api/studies/{staff.study.pk}/adjudication", {})


def decision(client: APIClient, staff: Staff):
    return client.get(f"/api/studies/{staff.study.pk}/decision")


ENDPOINTS = [
    Endpoint("upload-image", "post", Action.UPLOAD, upload),
    Endpoint("choose-model", "post", Action.ANALYSE, choose),
    Endpoint("edit-image", "post", Action.CORRECT, edit),
    Endpoint("generate-report", "post", Action.REPORT, report),
    Endpoint("study", "get", Action.VIEW, lambda client, staff: client.get(f"/api/studies/{staff.study.pk}")),
    Endpoint("study-reading", "put", Action.READ, reading),
    Endpoint("study-readings", "get", Action.VIEW, readings),
    Endpoint("study-sign", "post", Action.READ, sign),
    Endpoint("study-amendment", "post", Action.READ, amend),
    Endpoint("study-amendment", "delete", Action.READ, drop_amendment),
    Endpoint("study-adjudication", "post", Action.ADJUDICATE, adjudicate),
    Endpoint("study-decision", "get", Action.VIEW, decision),
    Endpoint("reading-signature", "get", Action.VIEW, signature),
    Endpoint("image", "get", Action.VIEW, lambda client, staff: client.get(f"/api/images/{staff.image.pk}")),
    Endpoint(
        "image",
        "patch",
        Action.UPLOAD,
        lambda client, staff: client.patch(f"/api/images/{staff.image.pk}", {"laterality": "OD"}),
    ),
    Endpoint(
        "study-visits",
        "get",
        Action.VIEW,
        lambda client, staff: client.get(f"/api/studies/{staff.study.pk}/visits"),
    ),
    Endpoint(
        "image-rules", "get", Action.VIEW, lambda client, staff: client.get(f"/api/images/{staff.image.pk}/rules")
    ),
    Endpoint(
        "image-quality",
        "put",
        Action.READ,
        lambda client, staff: client.put(
            f"/api/images/{staff.image.pk}/quality", {"verdict": "limited", "note": "Lashes below."}
        ),
    ),
    Endpoint(
        "image-landmarks",
        "put",
        Action.UPLOAD,
        lambda client, staff: client.put(
            f"/api/images/{staff.image.pk}/landmarks", {"kind": "fovea", "x": 90, "y": 99}
        ),
    ),
    Endpoint(
        "image-revisions",
        "get",
        Action.VIEW,
        lambda client, staff: client.get(f"/api/images/{staff.image.pk}/revisions"),
    ),
    Endpoint(
        "image-original", "get", Action.VIEW, lambda client, staff: client.get(f"/api/images/{staff.image.pk}/original")
    ),
    Endpoint(
        "image-preview", "get", Action.VIEW, lambda client, staff: client.get(f"/api/images/{staff.image.pk}/preview")
    ),
    Endpoint(
        "prediction", "get", Action.VIEW, lambda client, staff: client.get(f"/api/predictions/{staff.prediction.pk}")
    ),
    Endpoint("prediction-cancel", "post", Action.ANALYSE, cancel),
    Endpoint("prediction-retry", "post", Action.ANALYSE, retry),
    Endpoint(
        "prediction-overlay",
        "get",
        Action.VIEW,
        lambda client, staff: client.get(f"/api/predictions/{staff.prediction.pk}/overlay"),
    ),
    Endpoint(
        "prediction-mask",
        "get",
        Action.VIEW,
        lambda client, staff: client.get(f"/api/predictions/{staff.prediction.pk}/masks/EX"),
    ),
    Endpoint("prediction-explanation", "get", Action.VIEW, explanation),
    Endpoint(
        "prediction-timings",
        "get",
        Action.MANAGE,
        lambda client, staff: client.get(f"/api/predictions/{staff.prediction.pk}/timings"),
    ),
    Endpoint("revision-mask", "get", Action.VIEW, revision_mask),
    Endpoint("report-pdf", "get", Action.VIEW, report_pdf),
]
# Says the same to everybody who is logged in.
OF_NO_CLINIC = {("models", "get")}

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("networks")]
each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def allowed(endpoint: Endpoint, staff: Staff) -> User:
    return staff.clinicadmin if endpoint.action == Action.MANAGE else staff.senior


def test_every_endpoint_has_a_row_here():
    served = {
        (pattern.name, method)
        for pattern in urlpatterns
        if pattern.name not in PUBLIC
        for method in METHODS
        if hasattr(pattern.callback.view_class, method)
    }
    assert served == {(endpoint.name, endpoint.method) for endpoint in ENDPOINTS} | OF_NO_CLINIC | {
        (endpoint.name, endpoint.method) for endpoint in SYSTEM_ENDPOINTS
    }


@each_endpoint
@pytest.mark.parametrize("role", Role.values)
def test_a_member_may_do_what_the_matrix_says(endpoint: Endpoint, role: str, staff: Staff):
    response = endpoint.call(session_of(staff.by_role()[role]), staff)
    if endpoint.action in MATRIX[role]:
        assert response.status_code in (200, 202), response.content
    else:
        assert response.status_code == 403
        assert error_of(response)["code"] == "not_allowed"


@each_endpoint
@pytest.mark.parametrize("role", Role.values)
def test_whoever_works_elsewhere_finds_nothing(endpoint: Endpoint, role: str, staff: Staff, other: Staff):
    response = endpoint.call(session_of(other.by_role()[role]), staff)
    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"


@each_endpoint
def test_a_token_is_as_good_as_a_session(endpoint: Endpoint, staff: Staff, other: Staff):
    assert endpoint.call(token_of(allowed(endpoint, staff)), staff).status_code in (200, 202)
    assert endpoint.call(token_of(allowed(endpoint, other)), staff).status_code == 404


@each_endpoint
def test_nobody_gets_a_challenge(endpoint: Endpoint, staff: Staff):
    response = endpoint.call(APIClient(), staff)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"
    assert error_of(response)["code"] == "not_authenticated"


@each_endpoint
def test_without_any_clinic_there_is_nothing(endpoint: Endpoint, staff: Staff):
    assert endpoint.call(session_of(UserFactory()), staff).status_code == 404


@each_endpoint
def test_a_member_who_left_is_out_at_once(endpoint: Endpoint, staff: Staff):
    client = session_of(staff.senior)
    staff.senior.memberships.all().delete()
    assert endpoint.call(client, staff).status_code == 404


@each_endpoint
def test_a_deactivated_login_is_out_at_once(endpoint: Endpoint, staff: Staff):
    session, token = session_of(staff.senior), token_of(staff.senior)
    staff.senior.is_active = False
    staff.senior.save()
    assert endpoint.call(session, staff).status_code == 401
    assert endpoint.call(token, staff).status_code == 401


@each_endpoint
def test_a_session_needs_the_csrf_token_to_change_anything(endpoint: Endpoint, staff: Staff):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(allowed(endpoint, staff))
    response = endpoint.call(client, staff)
    if endpoint.method == "get":
        assert response.status_code == 200
    else:
        assert response.status_code == 403
        assert error_of(response)["code"] == "csrf_failed"


def test_networks_are_listed_for_whoever_is_logged_in(staff: Staff):
    assert session_of(staff.technician).get("/api/models").status_code == 200
    assert APIClient().get("/api/models").status_code == 401

"""Whatever goes wrong below /api is told in one shape."""

from __future__ import annotations

import logging

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle

from cases.models import ApiToken
from tests.api.conftest import error_of, session_of, token_of
from tests.factories import Staff

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/api/", "/api/nothing", "/api/upload_image/", "/api/studies/x", "/api///models"])
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options"])
def test_an_address_that_is_none(address: str, method: str):
    response = getattr(APIClient(), method)(address)
    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"


def test_a_method_that_is_none(staff: Staff):
    response = session_of(staff.reader).get("/api/upload_image")
    assert response.status_code == 405
    assert error_of(response)["code"] == "method_not_allowed"
    assert "POST" in response["Allow"]


@pytest.mark.parametrize("number", [0, 999_999, 10**30])
@pytest.mark.parametrize(
    "address",
    [
        "studies/{}",
        "images/{}",
        "images/{}/original",
        "images/{}/preview",
        "images/{}/revisions",
        "predictions/{}",
        "predictions/{}/overlay",
        "predictions/{}/masks/EX",
        "revisions/{}/mask",
        "reports/{}/pdf",
    ],
)
def test_a_number_that_is_nothings(staff: Staff, address: str, number: int):
    response = session_of(staff.reader).get(f"/api/{address.format(number)}")
    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"


@pytest.mark.parametrize("lesion", ["XX", "ex", "..", "%2e%2e"])
def test_a_mask_of_no_lesion_kind(staff: Staff, lesion: str):
    response = session_of(staff.reader).get(f"/api/predictions/{staff.prediction.pk}/masks/{lesion}")
    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "parse_error"),
        (b"\xff\xfe", "application/json", 400, "parse_error"),
        (b'{"selectedModel": NaN}', "application/json", 400, "parse_error"),
        (b"[" * 100_000, "application/json", 400, "parse_error"),
        (b"[]", "application/json", 400, "invalid"),
        (b'"Unet"', "application/json", 400, "invalid"),
        (b"null", "application/json", 400, "invalid"),
        (b"", "application/json", 400, "invalid"),
        (b"{}", "application/json; charset=bz2_codec", 400, "parse_error"),
        (b"selectedModel=Unet", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"<Unet/>", "application/xml", 415, "unsupported_media_type"),
        (b"{}" + b" " * 5 * 1024 * 1024, "application/json", 413, "request_too_large"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_body_that_cannot_be_used(staff: Staff, body: bytes, content_type: str, status: int, code: str):
    response = session_of(staff.reader).post("/api/choose_model", body, content_type=content_type)
    assert response.status_code == status
    assert error_of(response)["code"] == code


def test_a_body_in_chunks_is_not_taken_for_an_empty_one(staff: Staff):
    response = session_of(staff.reader).post(
        "/api/choose_model", "{}", content_type="application/json", CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked"
    )
    assert (response.status_code, error_of(response)["code"]) == (411, "length_required")


def test_text_that_no_database_takes(staff: Staff):
    body = b'{"diagnosis": "\\ud800"}'
    response = session_of(staff.reader).put(
        f"/api/studies/{staff.study.pk}/reading", body, content_type="application/json"
    )
    assert response.status_code == 400
    assert list(error_of(response)["details"]) == ["diagnosis"]


def test_an_error_nobody_foresaw_says_nothing_of_its_cause(staff: Staff, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise RuntimeError("secret in /srv/drweb")

    monkeypatch.setattr("cases.api.views.studies.study_get", broken)
    with caplog.at_level(logging.ERROR):
        response = session_of(staff.reader).get(f"/api/studies/{staff.study.pk}")
    assert response.status_code == 500
    error = error_of(response)
    assert error["code"] == "server_error"
    assert "secret" not in response.content.decode()
    traces = [record.exc_text for record in caplog.records if error["details"]["reference"] in record.message]
    assert any("secret" in trace for trace in traces if trace)  # for the operator


def test_what_a_model_refuses_is_told_per_field(staff: Staff, monkeypatch):
    def refusing(*args, **kwargs):
        raise ValidationError({"grade_od": ["Not this."], "__all__": ["Nor that."]})

    monkeypatch.setattr("cases.api.views.readings.reading_save", refusing)
    response = session_of(staff.reader).put(f"/api/studies/{staff.study.pk}/reading", {"diagnosis": ""})
    assert response.status_code == 400
    error = error_of(response)
    assert error["code"] == "invalid"
    assert error["details"] == {"grade_od": ["Not this."], "non_field_errors": ["Nor that."]}
    assert "Not this." in error["message"]


def test_too_many_requests_are_told_to_wait(staff: Staff, monkeypatch):
    cache.clear()
    monkeypatch.setattr(UserRateThrottle, "THROTTLE_RATES", {"user": "2/min"})
    monkeypatch.setattr(AnonRateThrottle, "THROTTLE_RATES", {"anon": "2/min"})
    client = session_of(staff.reader)
    assert [client.get("/api/models").status_code for _ in range(3)] == [200, 200, 429]
    response = client.get("/api/models")
    assert error_of(response)["code"] == "throttled"
    assert 0 < int(response["Retry-After"]) <= 61
    assert session_of(staff.senior).get("/api/models").status_code == 200
    cache.clear()


# --- credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "Token",
        "Token drweb_unknown",
        "Token " + "x" * 5000,
        "Token a b",
        "Token \xff\xfe",
        "token drweb_unknown",
        "Token ",
    ],
)
def test_a_token_that_is_none(staff: Staff, header: str):
    response = APIClient().get(f"/api/studies/{staff.study.pk}", HTTP_AUTHORIZATION=header)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"
    error_of(response)


def test_another_scheme_is_no_credential(staff: Staff):
    response = APIClient().get(f"/api/studies/{staff.study.pk}", HTTP_AUTHORIZATION="Bearer drweb_x")
    assert (response.status_code, error_of(response)["code"]) == (401, "not_authenticated")


def test_an_expired_token(staff: Staff):
    client = token_of(staff.reader)
    assert client.get(f"/api/studies/{staff.study.pk}").status_code == 200
    ApiToken.objects.update(expiry="2020-01-01T00:00:00Z")
    response = client.get(f"/api/studies/{staff.study.pk}")
    assert (response.status_code, error_of(response)["code"]) == (401, "invalid_token")


def test_a_revoked_token(staff: Staff):
    client = token_of(staff.reader)
    ApiToken.objects.get().delete()
    response = client.get(f"/api/studies/{staff.study.pk}")
    assert (response.status_code, error_of(response)["code"]) == (401, "invalid_token")


def test_a_session_that_ended(staff: Staff):
    client = session_of(staff.reader)
    client.logout()
    response = client.get(f"/api/studies/{staff.study.pk}")
    assert (response.status_code, error_of(response)["code"]) == (401, "not_authenticated")


def test_a_session_with_its_csrf_token_may_write(staff: Staff):
    client = APIClient(enforce_csrf_checks=True)
    client.get("/accounts/login/")  # sets the cookie
    client.force_login(staff.reader)
    token = client.cookies["csrftoken"].value
    address = f"/api/studies/{staff.study.pk}/reading"
    assert client.put(address, {"diagnosis": "A"}, HTTP_X_CSRFTOKEN=token).status_code == 200
    response = client.put(address, {"diagnosis": "A"}, HTTP_X_CSRFTOKEN="x" * 32)
    assert (response.status_code, error_of(response)["code"]) == (403, "csrf_failed")

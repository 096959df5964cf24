"""Versions of the networks: only a system administrator sees and changes them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from rest_framework.test import APIClient

from cases.choices import Role
from cases.models import NetworkVersion, User
from inference.cards import ModelCard
from inference.registry import added_versions
from tests.api.conftest import error_of, session_of, token_of
from tests.factories import Staff, UserFactory
from tests.tiny_weights import record_measured

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("networks")]


@dataclass(frozen=True)
class Endpoint:
    name: str
    method: str
    call: Callable[[APIClient, ModelCard], object]
    succeeds: int = 200


def sent(client: APIClient, content: bytes):
    file = io.BytesIO(content)
    file.name = "model.zip"
    return client.post("/api/network_versions", {"model": file}, format="multipart")


def address(card: ModelCard) -> str:
    return f"/api/network_versions/{card.name}/{card.sha256}"


ENDPOINTS = [
    Endpoint("network-versions", "get", lambda client, card: client.get("/api/network_versions")),
    # Who may install is told what is wrong with the file.
    Endpoint("network-versions", "post", lambda client, card: sent(client, b"no archive"), succeeds=400),
    Endpoint("network-version-activate", "post", lambda client, card: client.post(f"{address(card)}/activate")),
    Endpoint("network-version-retire", "post", lambda client, card: client.post(f"{address(card)}/retire")),
    Endpoint(
        "network-roll-back",
        "post",
        lambda client, card: client.post("/api/network_versions/unet/roll_back"),
        succeeds=409,
    ),
]
each_endpoint = pytest.mark.parametrize(
    "endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.name}"
)


@pytest.fixture
def admin() -> User:
    return UserFactory(is_superuser=True)


@each_endpoint
@pytest.mark.parametrize("role", Role.values)
def test_no_role_of_a_clinic_reaches_them(endpoint: Endpoint, role: str, staff: Staff, card):
    response = endpoint.call(session_of(staff.by_role()[role]), card)
    assert response.status_code == 403
    assert error_of(response)["code"] == "not_allowed"


@each_endpoint
def test_a_system_administrator_does_by_session_and_by_token(endpoint: Endpoint, admin, card):
    assert endpoint.call(token_of(admin), card).status_code == endpoint.succeeds
    assert endpoint.call(APIClient(), card).status_code == 401


def test_a_version_is_activated_rolled_back_and_retired(admin, card):
    client = session_of(admin)
    models = {model["name"]: model["version"] for model in client.get("/api/models").json()["models"]}
    assert models["unet"] == "1.0"
    change = client.post(f"{address(card)}/activate").json()
    assert (change["version"], change["rolled_back"]) == ("2", False)
    assert error_of(client.post(f"{address(card)}/activate"))["code"] == "already_active"
    assert error_of(client.post(f"{address(card)}/retire"))["code"] == "version_active"
    models = {model["name"]: model["version"] for model in client.get("/api/models").json()["models"]}
    assert models["unet"] == "2"
    assert client.post("/api/network_versions/unet/roll_back").json()["version"] == "1.0"
    assert client.post(f"{address(card)}/retire").json()["state"] == "retired"
    told = client.get("/api/network_versions").json()["versions"]
    states = [(row["version"], row["state"], row["shipped"]) for row in told if row["name"] == "unet"]
    assert states == [("2", "retired", False), ("1.0", "active", True)]
    assert client.post(f"/api/network_versions/unet/{'0' * 64}/activate").status_code == 404


def test_engines_that_were_measured_to_change_nothing_are_told(admin, card):
    for model in added_versions():
        record_measured(model, "openvino-bf16")
        record_measured(model, "openvino-int8", grade_changes=1)
    told = session_of(admin).get("/api/network_versions").json()["versions"]
    proven = {row["version"]: row["proven_engines"] for row in told if row["name"] == "unet"}
    assert proven == {"2": ["openvino-bf16"], "1.0": []}


def test_what_is_wrong_with_an_upload_is_said(admin, card):
    client = session_of(admin)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../card.json", "{}")
    assert error_of(sent(client, buffer.getvalue()))["code"] == "files_wrong"
    assert error_of(client.post("/api/network_versions", {}, format="multipart"))["code"] == "invalid"
    assert NetworkVersion.objects.count() == 1

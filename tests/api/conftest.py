from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from cases.models import NetworkVersion, User
from cases.services.api_token import api_token_create
from inference.cards import ModelCard, Normalisation
from inference.networks.spec import NetworkSpec
from tests.factories import Staff, staffed_clinic


@pytest.fixture
def staff(db) -> Staff:
    return staffed_clinic()


@pytest.fixture
def other(db) -> Staff:
    """Another clinic's staff and records."""
    return staffed_clinic()


def session_of(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def token_of(user: User) -> APIClient:
    _row, token = api_token_create(user=user)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def install(folder: Path, name: str, network: NetworkSpec, *, weights: bytes = b"weights") -> ModelCard:
    """A model folder as the web processes see it: they read the card and check the sha256, but load nothing."""
    card = ModelCard(
        name=name,
        kind="segmentation" if network.is_segmentation else "grading",
        version="1.0",
        network=network,
        input_size=64,
        normalisation=Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        sha256=hashlib.sha256(weights).hexdigest(),
        date="2026-01-01",
        lesions=network.lesions,
        thresholds=dict.fromkeys(network.lesions, 0.5),
        validation={"dice": {"EX": 0.5}},
    )
    (folder / name).mkdir(parents=True)
    (folder / name / "card.json").write_text(card.to_json())
    (folder / name / "model.safetensors").write_bytes(weights)
    return card


def segmentation(architecture: str) -> NetworkSpec:
    return NetworkSpec(architecture, "se_resnet50", encoder_depth=4, decoder_channels=(8, 8, 8, 8))


@pytest.fixture
def networks(tmp_path, monkeypatch) -> Path:
    """A weights folder with unet, unetplusplus and manet for whatever asks which networks are installed."""
    folder = tmp_path / "weights"
    for name in ("unet", "unetplusplus", "manet"):
        install(folder, name, segmentation(name), weights=name.encode())
    install(folder, "grader", NetworkSpec("resnet50", "resnet50", head="classes"))
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(folder))
    return folder


@pytest.fixture
def card(tmp_path, monkeypatch) -> ModelCard:
    """An installed version 2 of unet."""
    monkeypatch.setenv("DRWEB_MODELS_DIR", str(tmp_path / "models"))
    card = install(tmp_path / "models" / "unet", "2", segmentation("unet"), weights=b"newer")
    card = dataclasses.replace(card, name="unet", version="2")
    Path(tmp_path / "models" / "unet" / "2" / "card.json").write_text(card.to_json())
    NetworkVersion.objects.create(name="unet", version="2", sha256=card.sha256, card=card.to_dict())
    return card


def error_of(response) -> dict:
    """The error of an answer, after a check of its shape."""
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["message"]
    assert response["Content-Type"] == "application/json"
    return body["error"]

"""The results page: the published document where there is one, and the figures of what is installed."""

import hashlib

import pytest
from django.urls import reverse

from inference.cards import DataSource, ModelCard, Normalisation
from inference.networks.spec import NetworkSpec

pytestmark = pytest.mark.django_db
PAGE = reverse("cases:results")


@pytest.fixture(autouse=True)
def folders(settings, tmp_path, monkeypatch):
    settings.DRWEB_DATA_DIR = tmp_path / "data"
    settings.BASE_DIR = tmp_path / "repository"
    monkeypatch.setenv("DRWEB_WEIGHTS_DIR", str(tmp_path / "weights"))
    return tmp_path


def install(folder, name, validation):
    spec = NetworkSpec("unet", "se_resnet50", 5, (256, 128, 64, 32, 16))
    card = ModelCard(
        name=name, kind="segmentation", version="3", network=spec, input_size=960,
        normalisation=Normalisation((0.4, 0.3, 0.2), (0.2, 0.2, 0.2)), sha256=hashlib.sha256(b"x").hexdigest(),
        date="2026-01-02", lesions=spec.lesions, thresholds=dict.fromkeys(spec.lesions, 0.3), validation=validation,
        training_data=(DataSource("Some data", "CC BY 4.0", "somewhere", 40),),
    )  # fmt: skip
    path = folder / "weights" / name
    path.mkdir(parents=True)
    (path / "card.json").write_text(card.to_json())
    (path / "model.safetensors").write_bytes(b"x")


def test_nothing_published_and_nothing_installed_is_said(client):
    page = client.get(PAGE).content.decode()
    assert "not published in this language yet" in page
    assert "No network is installed" in page
    assert "<iframe" not in page


def test_figures_are_those_of_the_card(client, folders):
    figures = {"EX": {"dice": 0.6543, "ap": 0.71}, "MA": {"dice": 0.2}, "images": 14}
    install(folders, "unet", {"idrid": figures, "normal": {"images": 20}})
    page = client.get(PAGE).content.decode()
    assert "U-Net" in page
    assert "0.654" in page
    assert "0.710" in page
    assert "idrid · images" in page
    assert "Some data" in page


def test_card_without_figures_is_told_as_such(client, folders):
    install(folders, "unet", {})
    assert "states no validation figures" in client.get(PAGE).content.decode()


def test_document_in_the_language_of_the_page(client, folders):
    shipped = folders / "repository" / "docs" / "results"
    shipped.mkdir(parents=True)
    (shipped / "en.pdf").write_bytes(b"%PDF-1.7 shipped")
    page = client.get(PAGE).content.decode()
    address = reverse("cases:results_document", args=["en"])
    assert f'<iframe class="document" src="{address}"' in page
    answer = client.get(address)
    assert answer["Content-Type"] == "application/pdf"
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert b"".join(answer.streaming_content) == b"%PDF-1.7 shipped"

    client.cookies["django_language"] = "zh-hans"
    page = client.get(PAGE).content.decode()
    assert "<iframe" not in page
    assert address in page  # the other language's is offered


def test_own_document_of_an_installation_goes_first(client, folders):
    for place, content in (("repository/docs", b"%PDF shipped"), ("data", b"%PDF own")):
        folder = folders / place / "results"
        folder.mkdir(parents=True)
        (folder / "en.pdf").write_bytes(content)
    answer = client.get(reverse("cases:results_document", args=["en"]))
    assert b"".join(answer.streaming_content) == b"%PDF own"


@pytest.mark.parametrize("language", ["fr", "..", "%2e%2e", "en.pdf"])
def test_no_other_file_can_be_asked_for(client, language):
    assert client.get(f"/results/{language}.pdf").status_code == 404

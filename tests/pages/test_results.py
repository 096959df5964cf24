"""The results page: the published document where there is one, and the figures of what is installed."""

import hashlib

import pytest
from django.urls import reverse

from inference.cards import DataSource, ModelCard, Normalisation
from inference.networks.spec import NetworkSpec
from tests.reports.pdfs import pages

pytestmark = pytest.mark.django_db
PAGE = reverse("cases:results")


@pytest.fixture(autouse=True)
def folders(settings, tmp_path, monkeypatch):
    settings.DRWEB_DATA_DIR = tmp_path / "data"
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
    assert "once there are any" in page
    assert "No network is installed" in page
    assert "<iframe" not in page


def test_lesion_figures_are_those_of_the_card(client, folders):
    lesions = {
        "EX": {"dice": 0.6543, "iou": 0.4862, "ap": 0.7111, "ap_interval": [0.6001, 0.8009], "threshold": 0.312},
        "MA": {"dice": float("nan")},
        "mean": {"dice": 0.9},
        "images": 14,
    }
    install(folders, "unet", {"lesions": lesions, "normal_eyes": {"eyes_with_false_positive": {"EX": 0.05}}})
    page = " ".join(client.get(PAGE).content.decode().split())
    assert "U-Net" in page
    assert "Measured on 14 validation photographs." in page
    for figure in ("0.654", "0.486", '0.711 <span class="muted">(0.600–0.801)</span>', "0.312", "5 %"):
        assert figure in page
    assert "nan" not in page
    assert "Some data" in page


def test_grading_figures_are_those_of_the_card(client, folders):
    stated = {"images": 80, "quadratic_kappa": 0.7123, "quadratic_kappa_interval": [0.6, 0.8], "accuracy": 0.61}
    install(folders, "grader", stated)
    page = " ".join(client.get(PAGE).content.decode().split())
    assert "Quadratic weighted kappa" in page
    assert '0.712 <span class="muted">(0.600–0.800)</span>' in page
    assert "0.610" in page


def test_card_without_figures_is_told_as_such(client, folders):
    install(folders, "unet", {})
    assert "states no validation figures" in client.get(PAGE).content.decode()


def body(answer):
    return b"".join(answer.streaming_content)


def test_document_in_the_language_of_the_page(client, folders):
    install(folders, "unet", {"lesions": {"EX": {"ap": 0.7111}, "mean": {"ap": 0.7111}, "images": 14}})
    page = client.get(PAGE).content.decode()
    english, chinese = (reverse("cases:results_document", args=[code]) for code in ("en", "zh-hans"))
    assert f'<iframe class="document" src="{english}"' in page
    assert f'<a href="{chinese}" lang="zh-hans" download>' in page
    answer = client.get(english)
    assert answer["Content-Type"] == "application/pdf"
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "0.711" in " ".join(pages(body(answer)))

    client.cookies["django_language"] = "zh-hans"
    assert f'<iframe class="document" src="{chinese}"' in client.get(PAGE).content.decode()
    assert "病灶" in " ".join(pages(body(client.get(chinese))))


def test_own_document_of_an_installation_goes_first(client, folders):
    install(folders, "unet", {})
    folder = folders / "data" / "results"
    folder.mkdir(parents=True)
    (folder / "en.pdf").write_bytes(b"%PDF own")
    assert body(client.get(reverse("cases:results_document", args=["en"]))) == b"%PDF own"


@pytest.mark.parametrize("language", ["fr", "..", "%2e%2e", "en.pdf", "en"])
def test_no_other_file_can_be_asked_for_and_none_without_networks(client, language):
    assert client.get(f"/results/{language}.pdf").status_code == 404

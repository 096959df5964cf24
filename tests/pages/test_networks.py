"""The page of network versions, and the one that compares two on a study."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from cases.choices import PredictionState
from cases.models import NetworkVersion, Prediction
from cases.selectors.network_version import active_versions
from cases.selectors.prediction import latest_prediction
from inference.cards import ModelCard
from inference.registry import added_versions
from tests.api.conftest import card as card
from tests.api.conftest import networks as networks
from tests.factories import PredictionFactory, UserFactory, staffed_clinic
from tests.tiny_weights import record_measured

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("networks")]

PAGE = "/networks/"


@pytest.fixture
def staff():
    return staffed_clinic()


def change(client, card: ModelCard, what: str):
    data = {"change": what, "name": card.name, "sha256": card.sha256}
    return client.post(reverse("cases:network_change"), data, follow=True).content.decode()


def test_a_system_administrator_activates_rolls_back_and_retires(client, card):
    client.force_login(UserFactory(is_superuser=True))
    assert card.sha256 in client.get(PAGE).content.decode()
    assert "Done" in change(client, card, "activate")
    assert active_versions()["unet"].card.version == "2"
    assert "active already" in change(client, card, "activate")
    change(client, card, "roll_back")
    assert active_versions()["unet"].card.version == "1.0"
    change(client, card, "retire")
    assert "retired" in change(client, card, "activate")
    assert client.post(reverse("cases:network_change"), {"change": "nonsense"}).status_code == 404


def test_the_page_says_which_engines_may_run_a_version(client, card):
    client.force_login(UserFactory(is_superuser=True))
    alone = "Runs in float32: no faster engine"
    assert client.get(PAGE).content.decode().count(alone) == 5
    (model,) = added_versions()
    record_measured(model, "openvino-bf16")
    page = client.get(PAGE).content.decode()
    assert page.count(alone) == 4
    assert "openvino-bf16" in page


def test_a_refused_upload_is_told_on_the_page(client, card):
    client.force_login(UserFactory(is_superuser=True))
    for data, said in (
        ({"model": SimpleUploadedFile("model.zip", b"no archive")}, "no folder, zip or uncompressed tar"),
        ({}, "Choose a zip or tar file"),
    ):
        answer = client.post(reverse("cases:network_install"), data, follow=True)
        assert said in answer.content.decode()
    assert NetworkVersion.objects.count() == 1


def test_a_clinic_administrator_chooses_the_default_and_changes_no_version(client, staff, card):
    client.force_login(staff.clinicadmin)
    page = client.get(PAGE).content.decode()
    assert staff.clinic.name in page
    assert reverse("cases:network_change") not in page
    address = reverse("cases:network_default", args=[staff.clinic.pk])
    client.post(address, {"name": "manet"})
    staff.clinic.refresh_from_db()
    assert staff.clinic.default_model == "manet"
    assert "not active" in client.post(address, {"name": "nonsense"}, follow=True).content.decode()
    other = staffed_clinic()
    assert client.post(reverse("cases:network_default", args=[other.clinic.pk]), {"name": ""}).status_code == 404
    for name in ("network_change", "network_install"):
        assert client.post(reverse(f"cases:{name}")).status_code == 403


def test_nobody_else_sees_the_page(client, staff):
    for user in (staff.technician, staff.reader, staff.senior):
        client.force_login(user)
        assert client.get(PAGE).status_code == 403
        assert client.post(reverse("cases:network_default", args=[staff.clinic.pk])).status_code == 403
    client.logout()
    assert client.get(PAGE).status_code == 302


def versions_page(staff, card: ModelCard) -> str:
    return f"{reverse('cases:study_versions', args=[staff.study.pk])}?version={card.name}:{card.sha256}"


def test_a_study_is_run_on_another_version_and_compared_without_changing_what_holds(client, staff, card):
    client.force_login(staff.reader)
    page = client.get(versions_page(staff, card)).content.decode()
    assert "has not analysed this photograph yet" in page
    client.post(versions_page(staff, card))
    client.post(versions_page(staff, card))  # twice is once
    waiting = Prediction.objects.get(state=PredictionState.QUEUED)
    assert waiting.for_comparison
    assert waiting.networks["weights"]["unet"] == card.sha256
    assert "Waiting" in client.get(versions_page(staff, card)).content.decode()
    waiting.delete()

    done = PredictionFactory(image=staff.image, for_comparison=True, grade=3, networks=waiting.networks | {
        "segmentation": {"name": "unet", "version": "2"}, "grader": {"name": "grader", "version": "1"}
    })  # fmt: skip
    done.lesions.filter(lesion="MA").delete()
    page = client.get(versions_page(staff, card)).content.decode()
    assert "<strong>+1</strong>" in page
    assert page.count("1.000") == 3
    assert f"/api/predictions/{done.pk}/overlay" in page
    assert client.get(f"/api/predictions/{done.pk}/overlay").status_code == 200

    assert latest_prediction(staff.image) == staff.prediction
    told = client.get(f"/api/studies/{staff.study.pk}").json()["images"][0]["predictions"]
    assert [row["prediction_id"] for row in told] == [staff.prediction.pk]


def test_versions_of_a_study_are_its_clinics_own_business(client, staff, card):
    client.force_login(staffed_clinic().senior)
    assert client.get(versions_page(staff, card)).status_code == 404
    assert client.post(versions_page(staff, card)).status_code == 404
    assert not Prediction.objects.filter(state=PredictionState.QUEUED).exists()

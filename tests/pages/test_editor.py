"""Who may open the mask editor, and what it is told."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from cases.choices import Lesion, PredictionState, Role
from cases.models import LesionResult
from cases.permissions import MATRIX, Action
from inference.lesions import LESION_COLOURS
from tests.factories import (
    ImageFactory,
    MaskRevisionFactory,
    PredictionFactory,
    Staff,
    StudyFactory,
    UserFactory,
    staffed_clinic,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Staff:
    return staffed_clinic()


def page(image) -> str:
    return reverse("cases:correct", args=[image.pk])


def state(client: Client, image) -> dict:
    return client.get(reverse("cases:correct_state", args=[image.pk])).json()


@pytest.mark.parametrize("role", Role.values)
def test_every_role_may_look_and_those_who_may_correct_get_tools(client, staff, role):
    client.force_login(staff.by_role()[role])
    content = client.get(page(staff.image)).content.decode()
    assert ("data-tool=" in content) == (Action.CORRECT in MATRIX[role])
    assert ('data-action="save"' in content) == (Action.CORRECT in MATRIX[role])
    assert state(client, staff.image)["may_correct"] == (Action.CORRECT in MATRIX[role])


@pytest.mark.parametrize("role", Role.values)
def test_another_clinics_photograph_does_not_exist(client, staff, role):
    client.force_login(staff.by_role()[role])
    elsewhere = staffed_clinic().image
    assert client.get(page(elsewhere)).status_code == 404
    assert client.get(reverse("cases:correct_state", args=[elsewhere.pk])).status_code == 404


def test_system_administrators_may_correct_everywhere(client, staff):
    client.force_login(UserFactory(is_superuser=True))
    assert "data-tool=" in client.get(page(staff.image)).content.decode()


def test_visitors_log_in_first(client, staff):
    response = client.get(page(staff.image))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("login"))
    answer = client.get(reverse("cases:correct_state", args=[staff.image.pk]))
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"


def test_nothing_of_it_stays_in_caches(client, staff):
    client.force_login(staff.reader)
    for address in (page(staff.image), reverse("cases:correct_state", args=[staff.image.pk])):
        assert "no-store" in client.get(address)["Cache-Control"]


def test_without_an_analysis_the_page_says_what_to_do(client, staff):
    image = ImageFactory(study=StudyFactory(clinic=staff.clinic))
    PredictionFactory(image=image, state=PredictionState.FAILED)
    client.force_login(staff.reader)
    content = client.get(page(image)).content.decode()
    assert "has not been analysed yet" in content
    assert "editor-stage" not in content


def test_state_lists_the_networks_mask_and_corrections_oldest_first(client, staff):
    second = MaskRevisionFactory(prediction=staff.prediction, lesion=Lesion.HE, number=2, author=staff.senior)
    first = MaskRevisionFactory(prediction=staff.prediction, lesion=Lesion.HE, number=1, author=staff.reader)
    client.force_login(staff.reader)
    told = state(client, staff.image)
    assert told["user"] == {
        "id": staff.reader.pk,
        "username": staff.reader.username,
        "name": staff.reader.display_name(),
    }
    assert [lesion["code"] for lesion in told["lesions"]] == Lesion.values
    assert [tuple(lesion["colour"]) for lesion in told["lesions"]] == [LESION_COLOURS[code] for code in Lesion.values]
    revisions = told["lesions"][2]["revisions"]
    assert [(row["number"], row["author"]) for row in revisions] == [
        (0, "U-Net"),
        (1, staff.reader.display_name()),
        (2, staff.senior.display_name()),
    ]
    assert revisions[0]["mask_url"] == reverse("api:prediction-mask", args=[staff.prediction.pk, "HE"])
    assert [row["mask_url"] for row in revisions[1:]] == [
        reverse("api:revision-mask", args=[revision.pk]) for revision in (first, second)
    ]
    for row in revisions:
        assert client.get(row["mask_url"]).status_code == 200


def test_the_page_comes_with_the_same_state(client, staff):
    client.force_login(staff.reader)
    content = client.get(page(staff.image)).content.decode()
    embedded = content.split('<script id="editor-state" type="application/json">')[1].split("</script>")[0]
    assert json.loads(embedded) == state(client, staff.image)


def test_a_lesion_the_network_does_not_outline_has_no_address(client, staff):
    LesionResult.objects.filter(prediction=staff.prediction, lesion=Lesion.SE).delete()
    client.force_login(staff.reader)
    revisions = state(client, staff.image)["lesions"][1]["revisions"]
    assert revisions == [{**revisions[0], "number": 0, "mask_url": None, "count": 0, "area_px": 0}]


@pytest.mark.parametrize(("file_format", "shown"), [("JPEG", True), ("PNG", True), ("TIFF", False)])
def test_originals_are_offered_where_browsers_can_display_them(client, staff, file_format, shown):
    staff.image.file_format = file_format
    staff.image.save()
    client.force_login(staff.reader)
    assert (state(client, staff.image)["image"]["original_url"] is not None) == shown


def test_the_number_of_queries_does_not_grow_with_revisions(client, staff, django_assert_max_num_queries):
    client.force_login(staff.reader)
    for number in range(1, 9):
        MaskRevisionFactory(prediction=staff.prediction, number=number, author=staff.senior)
    with django_assert_max_num_queries(10):
        client.get(reverse("cases:correct_state", args=[staff.image.pk]))

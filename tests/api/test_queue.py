"""The bounded queue, as callers see it: place, wait, when to ask again, and the refusal."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from cases.choices import PredictionState
from cases.models import Prediction
from cases.services.worker import worker_seen
from tests.api.conftest import error_of, token_of
from tests.factories import ImageFactory, PredictionFactory, Staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def six_seconds_each(staff: Staff) -> None:
    now = timezone.now()
    Prediction.objects.update(started_at=now - dt.timedelta(seconds=6), finished_at=now)


def waiting(staff: Staff) -> Prediction:
    return PredictionFactory(image=ImageFactory(study=staff.study), state=PredictionState.QUEUED)


def test_place_and_wait_are_told(staff: Staff, six_seconds_each):
    rows = [waiting(staff) for _row in range(3)]
    client = token_of(staff.reader)
    answer = client.get(f"/api/predictions/{rows[2].pk}")
    assert (answer.json()["queue_position"], answer.json()["expected_wait_seconds"]) == (2, None)
    assert answer["Retry-After"] == "2"
    for name in ("one", "two"):
        worker_seen(name=name, processors=["cpu"], networks={}, started_at=timezone.now())
    answer = client.get(f"/api/predictions/{rows[2].pk}")
    assert (answer.json()["queue_position"], answer.json()["expected_wait_seconds"]) == (2, 9)
    assert answer["Retry-After"] == "9"
    done = client.get(f"/api/predictions/{staff.prediction.pk}")
    assert (done.json()["queue_position"], done.json()["expected_wait_seconds"]) == (None, None)
    assert "Retry-After" not in done


def test_who_waits_without_any_worker_is_told_so(staff: Staff):
    rows = waiting(staff), waiting(staff)
    Prediction.objects.filter(pk=rows[1].pk).update(processor="gpu")
    client = token_of(staff.reader)

    def unattended() -> list[bool]:
        return [client.get(f"/api/predictions/{row.pk}").json()["unattended"] for row in (*rows, staff.prediction)]

    assert unattended() == [True, True, False]
    worker_seen(name="one", processors=["cpu"], networks={}, started_at=timezone.now())
    assert unattended() == [False, True, False]


def test_who_waits_long_is_told_to_ask_seldom_and_sooner_as_the_turn_comes_near(staff: Staff, six_seconds_each):
    rows = [waiting(staff) for _row in range(30)]
    worker_seen(name="one", processors=["cpu"], networks={}, started_at=timezone.now())
    client = token_of(staff.reader)
    answers = [client.get(f"/api/predictions/{row.pk}") for row in (rows[29], rows[3], rows[1])]
    assert [answer.json()["expected_wait_seconds"] for answer in answers] == [180, 24, 12]
    assert [answer["Retry-After"] for answer in answers] == ["60", "18", "10"]


def test_queues_of_other_workers_do_not_count(staff: Staff, six_seconds_each):
    waiting(staff)
    other = waiting(staff)
    Prediction.objects.filter(pk=other.pk).update(processor="gpu")
    worker_seen(name="gpu", processors=["gpu"], networks={}, started_at=timezone.now())
    answer = token_of(staff.reader).get(f"/api/predictions/{other.pk}").json()
    assert (answer["queue_position"], answer["expected_wait_seconds"]) == (0, 6)


def test_a_full_queue_refuses_and_says_when_to_come_back(staff: Staff, networks, settings):
    settings.DRWEB_MAX_QUEUE = 2
    waiting(staff)
    waiting(staff)
    image = ImageFactory(study=staff.study)
    client = token_of(staff.technician)
    refused = client.post("/api/choose_model", {"selectedModel": "unet", "image_id": image.pk, "wait": False})
    assert refused.status_code == 503
    error = error_of(refused)
    assert (error["code"], error["details"]["waiting"]) == ("queue_full", 2)
    assert refused["Retry-After"] == str(error["details"]["retry_after_seconds"])
    assert int(refused["Retry-After"]) >= 5
    assert not image.predictions.exists()
    assert client.get(f"/api/images/{image.pk}").status_code == 200, "the photograph is kept"
    settings.DRWEB_MAX_QUEUE = 3
    queued = client.post("/api/choose_model", {"selectedModel": "unet", "image_id": image.pk, "wait": False})
    assert queued.status_code == 202
    assert int(queued["Retry-After"]) > 0

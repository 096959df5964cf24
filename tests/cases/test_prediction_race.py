"""People and workers at the same rows at the same moment. SQLite lets writers take turns; PostgreSQL does not."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from cases.choices import PredictionState
from cases.errors import Conflict
from cases.models import Image, Prediction, Study
from cases.services.image import image_upload
from cases.services.prediction import prediction_cancel, prediction_request, prediction_retry
from cases.services.prediction_lease import LeaseLost, prediction_claim, prediction_succeed
from tests.cases.test_prediction_life import FakeAnalysis
from tests.factories import ImageFactory, PredictionFactory, Staff, fundus_jpeg, staffed_clinic

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 4


@pytest.fixture
def staff(monkeypatch) -> Staff:
    monkeypatch.setattr("cases.services.prediction._active_weights", lambda name: (name, {name: "a" * 64}))
    return staffed_clinic()


def at_once(*jobs: Callable[[], object]) -> list[object]:
    """Run the jobs in threads that start together; what each returned or raised."""
    start = threading.Barrier(len(jobs))
    results: list[object] = [None] * len(jobs)

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = jobs[number]()
        except Exception as error:  # noqa: BLE001 - looked at by the test
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads), "two transactions wait for each other"
    return results


def test_a_retry_and_a_new_request_make_one_open_analysis(staff: Staff):
    for _round in range(ROUNDS):
        image = ImageFactory(study=staff.study)
        failed = PredictionFactory(image=image, state=PredictionState.FAILED)
        first, second = at_once(
            lambda failed=failed: prediction_retry(user=staff.reader, prediction=failed),
            lambda image=image: prediction_request(user=staff.technician, image=image, model_name="unet"),
        )
        assert isinstance(first, Prediction), first
        assert isinstance(second, Prediction), second
        assert first.pk == second.pk


def test_requests_go_on_while_a_result_is_stored(staff: Staff):
    for _round in range(ROUNDS):
        image = ImageFactory(study=staff.study)
        PredictionFactory(image=image, state=PredictionState.QUEUED)
        claimed = prediction_claim()
        stored, asked, cancelled = at_once(
            lambda claimed=claimed: prediction_succeed(prediction=claimed, analysis=FakeAnalysis()),
            lambda image=image: prediction_request(user=staff.technician, image=image, model_name="manet"),
            lambda claimed=claimed: prediction_cancel(user=staff.technician, prediction=claimed),
        )
        assert isinstance(asked, Prediction), asked
        claimed.refresh_from_db()
        if claimed.state == PredictionState.SUCCEEDED:
            assert isinstance(cancelled, Conflict), cancelled
        else:
            assert isinstance(stored, LeaseLost), stored
            assert claimed.state == PredictionState.CANCELLED
        Prediction.objects.filter(image=image, state=PredictionState.QUEUED).delete()


def test_two_photographs_of_one_study_arrive_together(staff: Staff):
    qualities = iter(range(60, 100))

    def send() -> object:
        upload = SimpleUploadedFile("eye.jpg", fundus_jpeg(next(qualities)))
        return image_upload(user=staff.technician, upload=upload, study=Study.objects.get(pk=staff.study.pk))

    for _round in range(ROUNDS):
        for stored in at_once(send, send):
            assert isinstance(stored, Image), stored


def test_two_workers_never_hold_the_same_photograph(staff: Staff):
    rows = [PredictionFactory(state=PredictionState.QUEUED).pk for _row in range(ROUNDS)]
    claimed = [row for _turn in range(ROUNDS // 2) for row in at_once(prediction_claim, prediction_claim)]
    assert sorted(row.pk for row in claimed) == rows

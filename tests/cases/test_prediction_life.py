"""The state machine of an analysis: nothing lost, nothing done twice, nothing left running."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar
from unittest.mock import patch

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from cases.choices import PredictionState
from cases.errors import Conflict, NotAllowed, Unavailable
from cases.models import LesionResult, Prediction
from cases.services.prediction import prediction_cancel, prediction_request, prediction_retry
from cases.services.prediction_lease import (
    MAX_ATTEMPTS,
    LeaseLost,
    prediction_claim,
    prediction_hand_back,
    prediction_heartbeat,
    prediction_refuse,
    prediction_succeed,
    predictions_remind,
)
from inference.errors import ImageRejected
from inference.measurement import LesionMeasurement
from inference.regions import find_regions
from tests.factories import HEIGHT, WIDTH, ImageFactory, PredictionFactory, staffed_clinic

pytestmark = pytest.mark.django_db


def queued(**kwargs) -> Prediction:
    return PredictionFactory(state=PredictionState.QUEUED, **kwargs)


def let_the_lease_run_out(prediction: Prediction) -> None:
    Prediction.objects.filter(pk=prediction.pk).update(lease_expires_at=timezone.now() - dt.timedelta(seconds=1))


class FakeAnalysis:
    """What `inference.analyse` answers, without a network: the state machine does not look inside."""

    grade = 1
    grade_probabilities = (0.1, 0.6, 0.1, 0.1, 0.1)
    timings = {"grade": 0.1}
    explanation = None
    unsure: ClassVar[dict[str, list[int]]] = {}
    lesions = (LesionMeasurement("EX", 1, 6, 0.1, 0.01),)
    masks: ClassVar = {"EX": np.pad(np.ones((2, 3), bool), ((0, HEIGHT - 2), (0, WIDTH - 3)))}
    areas: ClassVar = {"EX": find_regions(masks["EX"])}

    def networks(self) -> dict:
        return {
            "segmentation": {"name": "unet", "sha256": "a" * 64},
            "grader": {"name": "grader", "sha256": "b" * 64},
        }


def test_the_oldest_queued_analysis_is_claimed_first():
    first, second = queued(), queued()
    assert prediction_claim() == first
    assert prediction_claim() == second
    assert prediction_claim() is None


def test_a_claimed_analysis_is_not_claimed_again_while_its_lease_lasts():
    row = queued()
    claimed = prediction_claim(pk=row.pk)
    assert (claimed.state, claimed.attempts) == (PredictionState.RUNNING, 1)
    assert prediction_claim(pk=row.pk) is None


def test_an_analysis_whose_worker_died_is_taken_up_and_the_dead_worker_can_no_longer_write():
    queued()
    dead = prediction_claim()
    let_the_lease_run_out(dead)
    heir = prediction_claim()
    assert (heir.pk, heir.attempts) == (dead.pk, 2)
    with pytest.raises(LeaseLost):
        prediction_heartbeat(prediction=dead)
    with pytest.raises(LeaseLost):
        prediction_succeed(prediction=dead, analysis=FakeAnalysis())
    assert prediction_succeed(prediction=heir, analysis=FakeAnalysis()).state == PredictionState.SUCCEEDED
    (result,) = heir.lesions.all()
    assert default_storage.listdir("predictions")[1] == [result.mask.name.removeprefix("predictions/")]


def test_an_analysis_that_kills_every_worker_fails_with_a_sentence_after_bounded_attempts():
    row = queued()
    for _attempt in range(MAX_ATTEMPTS):
        let_the_lease_run_out(prediction_claim())
    assert prediction_claim() is None
    row.refresh_from_db()
    assert (row.state, row.error_code) == (PredictionState.FAILED, "given_up")
    assert row.error_sentence
    assert row.error_detail


def test_one_that_cannot_be_analysed_does_not_keep_others_waiting():
    poison, other = queued(), queued()
    for _attempt in range(MAX_ATTEMPTS):
        let_the_lease_run_out(prediction_claim(pk=poison.pk))
    claims = [prediction_claim(), prediction_claim()]
    assert other in claims


def test_handing_back_counts_as_an_attempt_unless_the_worker_was_asked_to_stop():
    queued()
    running = prediction_claim()
    prediction_hand_back(prediction=running, counts=False)
    again = prediction_claim()
    assert again.attempts == 1
    prediction_hand_back(prediction=again, detail="out of memory")
    assert prediction_claim().attempts == 2


def test_after_a_failed_attempt_there_is_a_pause_that_grows(settings):
    settings.DRWEB_RETRY_SECONDS = 15
    row = queued()
    for expected in (15, 60):
        prediction_hand_back(prediction=prediction_claim())
        row.refresh_from_db()
        assert (row.not_before - timezone.now()).total_seconds() == pytest.approx(expected, abs=5)
        assert prediction_claim() is None
        Prediction.objects.filter(pk=row.pk).update(not_before=timezone.now())


def test_ungradable_is_a_result_with_its_reason():
    queued()
    running = prediction_claim()
    prediction_refuse(prediction=running, error=ImageRejected("blurred", "The photograph is blurred."))
    running.refresh_from_db()
    assert (running.state, running.error_code) == (PredictionState.UNGRADABLE, "blurred")
    assert running.error_sentence == "The photograph is blurred."
    assert running.finished_at is not None
    with pytest.raises(LeaseLost):
        prediction_heartbeat(prediction=running)


def test_files_stay_when_the_connection_dies_under_the_commit(monkeypatch):
    """Nobody knows then whether the row is there; a row without its files would be worse than files without a row."""
    queued()
    running = prediction_claim()
    commit = transaction.Atomic.__exit__

    def dies(self, kind, error, trace):
        commit(self, kind, error, trace)
        if kind is None and not connection.savepoint_ids:  # the outermost one of the service
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(transaction.Atomic, "__exit__", dies)
    with pytest.raises(OperationalError):
        prediction_succeed(prediction=running, analysis=FakeAnalysis())
    monkeypatch.undo()
    running.refresh_from_db()
    assert running.state == PredictionState.SUCCEEDED
    assert running.lesions.get().mask.read()


def test_a_result_is_stored_whole_or_not_at_all(monkeypatch):
    queued()
    running = prediction_claim()

    def disk_full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cases.models.Prediction.save", disk_full)
    with pytest.raises(OSError, match="No space"):
        prediction_succeed(prediction=running, analysis=FakeAnalysis())
    monkeypatch.undo()
    running.refresh_from_db()
    assert running.state == PredictionState.RUNNING
    assert not LesionResult.objects.exists()
    assert not default_storage.exists("predictions") or default_storage.listdir("predictions")[1] == []


def test_cancelling_takes_the_row_from_its_worker():
    staff = staffed_clinic()
    row = queued(image=staff.image, model_name="manet")
    running = prediction_claim()
    assert running == row
    prediction_cancel(user=staff.technician, prediction=row)
    with pytest.raises(LeaseLost):
        prediction_heartbeat(prediction=running)
    with pytest.raises(Conflict):
        prediction_cancel(user=staff.technician, prediction=row)


def test_a_failed_analysis_can_be_tried_again_with_fresh_attempts():
    staff = staffed_clinic()
    row = PredictionFactory(image=staff.image, state=PredictionState.FAILED, attempts=MAX_ATTEMPTS)
    prediction_retry(user=staff.reader, prediction=row)
    claimed = prediction_claim(pk=row.pk)
    assert claimed is not None
    assert claimed.attempts == 1
    with pytest.raises(Conflict):
        prediction_retry(user=staff.reader, prediction=staff.prediction)


def test_the_database_refuses_a_second_open_analysis_of_the_same_photograph_by_the_same_network():
    row = queued()
    with pytest.raises(IntegrityError):
        queued(image=row.image, model_name=row.model_name)


class TestRequest:
    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch):
        self.weights = {"unet": "a" * 64, "grader": "b" * 64}
        monkeypatch.setattr("cases.services.prediction._active_weights", lambda name: (name, self.weights))

    def test_the_same_request_twice_is_one_analysis(self):
        staff = staffed_clinic()
        image = ImageFactory(study=staff.study)
        first = prediction_request(user=staff.technician, image=image, model_name="unet")
        assert prediction_request(user=staff.reader, image=image, model_name="unet") == first

    def test_a_finished_analysis_is_reused_only_while_the_weights_are_the_same(self):
        staff = staffed_clinic()
        image = ImageFactory(study=staff.study)
        done = prediction_request(user=staff.technician, image=image, model_name="unet")
        prediction_succeed(prediction=prediction_claim(pk=done.pk), analysis=FakeAnalysis())
        assert prediction_request(user=staff.technician, image=image, model_name="unet") == done
        self.weights = {**self.weights, "grader": "c" * 64}
        assert prediction_request(user=staff.technician, image=image, model_name="unet") != done

    def test_a_full_queue_says_so(self, settings):
        settings.DRWEB_MAX_QUEUE = 1
        staff = staffed_clinic()
        queued()
        with pytest.raises(Unavailable) as refused:
            prediction_request(user=staff.technician, image=ImageFactory(study=staff.study), model_name="unet")
        assert refused.value.code == "queue_full"
        assert refused.value.details["waiting"] == 1
        assert refused.value.details["retry_after_seconds"] >= 5
        failed = PredictionFactory(image=staff.image, state=PredictionState.FAILED, model_name="manet")
        with pytest.raises(Unavailable):
            prediction_retry(user=staff.technician, prediction=failed)

    def test_networks_may_have_workers_of_their_own(self, settings):
        settings.DRWEB_GPU_MODELS = ["manet"]
        staff = staffed_clinic()
        asked = {"user": staff.technician, "image": ImageFactory(study=staff.study)}
        assert prediction_request(model_name="unet", **asked).processor == "cpu"
        assert prediction_request(model_name="manet", **asked).processor == "gpu"

    def test_without_the_broker_the_row_is_there_all_the_same(self, settings, django_capture_on_commit_callbacks):
        settings.DRWEB_BROKER_URL = "redis://127.0.0.1:1/0"
        staff = staffed_clinic()
        image = ImageFactory(study=staff.study)
        with (
            patch("cases.tasks.analyse_prediction.apply_async", side_effect=ConnectionError("refused")),
            django_capture_on_commit_callbacks(execute=True),
        ):
            row = prediction_request(user=staff.technician, image=image, model_name="unet")
        row.refresh_from_db()
        assert row.state == PredictionState.QUEUED

    def test_an_idle_celery_worker_reminds_of_what_was_forgotten(self, settings):
        settings.DRWEB_BROKER_URL = "redis://127.0.0.1:1/0"
        lost, lapsed, fresh, held, gpu = (queued() for _ in range(5))
        long_ago = timezone.now() - dt.timedelta(minutes=1)
        Prediction.objects.exclude(pk=fresh.pk).update(created_at=long_ago)
        let_the_lease_run_out(prediction_claim(pk=lapsed.pk))
        prediction_claim(pk=held.pk)
        Prediction.objects.filter(pk=gpu.pk).update(processor="gpu")
        with patch("cases.tasks.analyse_prediction.apply_async") as told:
            assert predictions_remind(processors=["cpu"]) == 2
        assert [call.args[0] for call in told.call_args_list] == [(lost.pk,), (lapsed.pk,)]

    def test_another_clinics_staff_may_not_ask(self):
        ours, theirs = staffed_clinic(), staffed_clinic()
        with pytest.raises(NotAllowed):
            prediction_request(user=theirs.reader, image=ours.image, model_name="unet")

"""What workers do with an analysis: claim it, renew the lease, store its result, refuse it, hand it back.

A worker that dies lets its lease run out, and the next one takes the row up again, at most `MAX_ATTEMPTS` times.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from cases.choices import PredictionState
from cases.models import LesionResult, Prediction
from cases.notifications import study_changed
from cases.selectors.lesion_rules import rules_of
from cases.services.files import stored_files
from cases.services.laps import Laps
from cases.services.prediction_state import prediction_dispatch, prediction_end, prediction_enqueue
from inference.errors import ImageRejected, InferenceError
from inference.masks import encode_probability, encode_runs

if TYPE_CHECKING:
    from inference.analysis import Analysis

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
SETTLING = dt.timedelta(seconds=5)  # in which a message may still be on its way
PATIENCE_GROWS = 4  # times as long before each further attempt


class LeaseLost(Exception):
    """The row was taken over, cancelled or finished while this worker was still at it; its result is dropped."""


@transaction.atomic
def prediction_claim(*, pk: int | None = None) -> Prediction | None:
    """Take the next analysis (or the one named) whose turn it is; None where there is nothing to do."""
    now = timezone.now()
    rows = Prediction.objects.select_for_update(skip_locked=True).order_by("created_at", "pk")
    if pk is not None:
        rows = rows.filter(pk=pk)
    prediction = rows.filter(_lapsed(now)).first() or rows.filter(_waiting(now)).first()
    if prediction is None:
        return None
    if prediction.attempts >= MAX_ATTEMPTS:
        _fail(prediction, _given_up(), "The worker died in every attempt.")
        return None
    prediction.state = PredictionState.RUNNING
    prediction.attempts += 1
    prediction.lease_token = uuid.uuid4()
    prediction.lease_expires_at = now + lease()
    prediction.started_at = now
    prediction.stage = ""
    prediction.save()
    transaction.on_commit(lambda: study_changed(prediction.image.study_id))
    return prediction


def prediction_heartbeat(*, prediction: Prediction, stage: str | None = None) -> None:
    """Renew the lease, and say which stage is running. Raises `LeaseLost` where somebody else holds the row."""
    changes: dict[str, Any] = {"lease_expires_at": timezone.now() + lease()}
    if stage is not None:
        changes["stage"] = stage
    held = Prediction.objects.filter(
        pk=prediction.pk, state=PredictionState.RUNNING, lease_token=prediction.lease_token
    )
    if not held.update(**changes):
        raise LeaseLost
    if stage is not None:
        study_changed(prediction.image.study_id)


def prediction_succeed(*, prediction: Prediction, analysis: Analysis) -> Prediction:
    """Store the result of a claimed analysis, once. Raises `LeaseLost` where the row is no longer ours."""
    laps = Laps()
    # Encoded before the transaction: it holds SQLite's only write lock.
    masks = {measured.lesion: encode_runs(analysis.areas[measured.lesion].runs) for measured in analysis.lesions}
    explanation = encode_probability(analysis.explanation) if analysis.explanation is not None else None
    laps.done("encode")
    rules = rules_of(prediction.image, analysis.areas, analysis.unsure)
    laps.done("rules")
    with stored_files() as files:
        row = _held(prediction)
        row.grade = analysis.grade
        row.rule_grade = rules.grade
        row.rule_findings = rules.findings_json()
        row.macula = asdict(rules.macula)
        row.probabilities = analysis.grade_probabilities
        ran = analysis.networks()
        # What really ran: weights may have been replaced while the photograph waited.
        row.networks = {"weights": {each["name"]: each["sha256"] for each in ran.values()}, **ran}
        row.timings = analysis.timings
        if explanation is not None:
            files.save(row.explanation, ".png", explanation)
        transaction.on_commit(lambda: laps.done("store"))
        prediction_end(prediction=row, state=PredictionState.SUCCEEDED)
        results = []
        for measured in analysis.lesions:
            result = LesionResult(
                prediction=row,
                lesion=measured.lesion,
                count=measured.count,
                area_px=measured.area_px,
                area_percent_of_fov=measured.area_percent_of_fov,
                area_disc=measured.area_disc,
                unsure=analysis.unsure.get(measured.lesion, []),
            )
            files.save(result.mask, ".png", masks[measured.lesion])
            results.append(result)
        LesionResult.objects.bulk_create(results)
    laps.done("notify")
    _keep_timings(row, analysis.timings, laps)
    return row


@transaction.atomic
def prediction_refuse(*, prediction: Prediction, error: InferenceError, detail: str = "") -> None:
    """End a claimed analysis for good: trying again would not help.

    It ends ungradable where the photograph is the reason, failed where the system is.
    """
    state = PredictionState.UNGRADABLE if isinstance(error, ImageRejected) else PredictionState.FAILED
    _fail(_held(prediction), error, detail, state)


@transaction.atomic
def prediction_hand_back(
    *, prediction: Prediction, detail: str = "", counts: bool = True, error: InferenceError | None = None
) -> None:
    """Return a claimed analysis to the queue, or fail it (with `error`) where its attempts are used up.

    `counts=False` (an orderly shutdown) gives the attempt back, and the next may come at once.
    """
    row = _held(prediction)
    if counts and row.attempts >= MAX_ATTEMPTS:
        _fail(row, error or _given_up(), detail)
        return
    if counts:
        pause = settings.DRWEB_RETRY_SECONDS * PATIENCE_GROWS ** (row.attempts - 1)
        row.not_before = timezone.now() + dt.timedelta(seconds=pause)
    else:
        row.attempts -= 1
    row.error_detail = detail
    prediction_enqueue(prediction=row)


def predictions_remind(*, processors: Sequence[str]) -> int:
    """Tell Celery again of every analysis that could be running; returns how many.

    For a worker that has nothing to do: what waits beside it was forgotten with the broker, or its worker died.
    """
    now = timezone.now()
    settled = now - SETTLING
    rows = Prediction.objects.filter(_lapsed(now) | _waiting(now) & Q(created_at__lt=settled), processor__in=processors)
    forgotten = list(rows.order_by("created_at", "pk"))
    for prediction in forgotten:
        prediction_dispatch(prediction=prediction)
    return len(forgotten)


def lease() -> dt.timedelta:
    """How long a worker holds a photograph after it was last heard of."""
    return dt.timedelta(seconds=settings.DRWEB_LEASE_SECONDS)


def _lapsed(now: dt.datetime) -> Q:
    return Q(state=PredictionState.RUNNING, lease_expires_at__lt=now)


def _waiting(now: dt.datetime) -> Q:
    return Q(state=PredictionState.QUEUED) & (Q(not_before=None) | Q(not_before__lte=now))


def _held(prediction: Prediction) -> Prediction:
    rows = Prediction.objects.select_for_update(of=("self",)).select_related("image")
    row = rows.get(pk=prediction.pk)
    if row.state != PredictionState.RUNNING or row.lease_token != prediction.lease_token:
        raise LeaseLost
    return row


def _fail(row: Prediction, error: InferenceError, detail: str, state: PredictionState = PredictionState.FAILED) -> None:
    row.error_code = error.code
    row.error_message = error.template  # untranslated: the worker does not know who will read it
    row.error_params = error.params
    row.error_detail = detail
    level = logging.ERROR if state == PredictionState.FAILED else logging.INFO
    logger.log(level, "prediction %s %s: %s", row.pk, state, error.code)
    prediction_end(prediction=row, state=state)


def _given_up() -> InferenceError:
    message = gettext_noop("The analysis failed several times. Try again; if it fails again, tell your administrator.")
    return InferenceError("given_up", message)


def _keep_timings(row: Prediction, analysis: dict[str, float], laps: Laps) -> None:
    """For the operator. Written when all is done: storing and telling could not be measured earlier."""
    waited = (row.started_at - row.created_at).total_seconds() if row.started_at else 0.0
    stages = {name: seconds for name, seconds in analysis.items() if name != "total"} | laps.seconds
    row.timings = {"queue": round(waited, 4), **stages, "total": round(sum(stages.values()), 4)}
    # Not by save(): it is no fact of the history, which would read the row once more to compare it.
    Prediction.objects.filter(pk=row.pk).update(timings=row.timings)

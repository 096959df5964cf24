"""The life of an analysis: requested -> queued -> claimed (leased) -> succeeded, ungradable, failed, or queued again.

The row is the truth. A worker holds a lease that it renews; a worker that dies lets it run out, and the next one
takes the row up again, at most `MAX_ATTEMPTS` times.

Locks are taken in one order, photograph, prediction, study, so that no two transactions wait for each other.
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
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from cases.choices import Detail, PredictionState, Processor
from cases.errors import Conflict, Unavailable
from cases.models import Image, LesionResult, Prediction, User
from cases.notifications import study_changed
from cases.permissions import Action, authorize
from cases.selectors.lesion_rules import rules_of
from cases.selectors.network_version import active_versions
from cases.selectors.queue import retry_after_seconds
from cases.services.files import stored_files
from cases.services.inference_errors import translated
from cases.services.laps import Laps
from cases.services.study_queue import study_queue_refresh
from inference.errors import ImageRejected, InferenceError
from inference.masks import encode_mask, encode_probability
from inference.registry import GRADER, find_model, identity, missing_model, resolve_model_name

if TYPE_CHECKING:
    from inference.analysis import Analysis

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
SETTLING = dt.timedelta(seconds=5)  # in which a message may still be on its way
PATIENCE_GROWS = 4  # times as long before each further attempt
_RETRIED = (PredictionState.FAILED, PredictionState.UNGRADABLE, PredictionState.CANCELLED)


class LeaseLost(Exception):
    """The row was taken over, cancelled or finished while this worker was still at it; its result is dropped."""


def prediction_request(
    *, user: User, image: Image, model_name: str, detail: str = Detail.STANDARD, explain: bool = False
) -> Prediction:
    """Queue an analysis of `image`, or return the one that is open or was made by the very same weights.

    `explain` asks for a map that explains the grade; a result that has one serves who did not ask for it, too.

    Raises `ApplicationError` where the network is unknown, `Unavailable` where its weights are missing or altered
    or the queue is full.
    """
    authorize(user, Action.ANALYSE, image.study.clinic)
    name, networks = _active_weights(model_name)
    return _request(user, image, name, networks, detail=detail, explain=explain)


def prediction_compare(*, user: User, image: Image, model_name: str, name: str, sha256: str) -> Prediction:
    """Queue an analysis by exact weights of network `name`, beside what else analyses with `model_name` use.

    The result is for comparison alone: it never holds of the photograph. One that is there already is returned. Raises
    as `prediction_request`, and `Conflict` while another version of the network is still at the photograph.
    """
    authorize(user, Action.ANALYSE, image.study.clinic)
    with translated():
        exact = identity(find_model(name, sha256))
    if name == GRADER:
        model_name, weights = _active_weights(model_name)
        weights |= exact
    else:
        model_name, weights = name, exact | _active_grader()
    prediction = _request(user, image, model_name, weights, for_comparison=True)
    if prediction.networks["weights"] != weights:
        raise Conflict("comparison_runs", _("Another version of this network is still being run. Try again later."))
    return prediction


def _request(
    user: User,
    image: Image,
    name: str,
    networks: dict[str, str],
    *,
    detail: str = Detail.STANDARD,
    explain: bool = False,
    for_comparison: bool = False,
) -> Prediction:
    with transaction.atomic():
        _take_turns(image.pk)
        same = Prediction.objects.filter(image=image, model_name=name, detail=detail)
        if explain:
            same = same.filter(explain=True)
        if not for_comparison:
            same = same.filter(for_comparison=False)
        prediction = (
            same.filter(state__in=PredictionState.open_states(), for_comparison=for_comparison).first()
            or same.filter(state__in=PredictionState.results(), networks__weights=networks).first()
        )
        if prediction is not None:
            return prediction
        _refuse_when_full()
        prediction = Prediction.objects.create(
            image=image,
            model_name=name,
            processor=Processor.GPU if name in settings.DRWEB_GPU_MODELS else Processor.CPU,
            detail=detail,
            explain=explain,
            requested_by=user,
            networks={"weights": networks},
            for_comparison=for_comparison,
        )
        study_queue_refresh(study=image.study)
        transaction.on_commit(lambda: _dispatch(prediction))
    study_changed(image.study_id)
    return prediction


@transaction.atomic
def prediction_retry(*, user: User, prediction: Prediction) -> Prediction:
    """Put a failed or cancelled analysis back into the queue with fresh attempts, for the version active now."""
    authorize(user, Action.ANALYSE, prediction.image.study.clinic)
    _take_turns(prediction.image_id)
    prediction = Prediction.objects.select_for_update().get(pk=prediction.pk)
    if prediction.state not in _RETRIED:
        raise Conflict("not_failed", _("Only an analysis that failed or was cancelled can be tried again."))
    open_twin = Prediction.objects.filter(
        image=prediction.image,
        model_name=prediction.model_name,
        for_comparison=prediction.for_comparison,
        detail=prediction.detail,
        explain=prediction.explain,
        state__in=PredictionState.open_states(),
    ).first()
    if open_twin is not None:
        return open_twin
    _refuse_when_full()
    if not prediction.for_comparison:
        _name, prediction.networks["weights"] = _active_weights(prediction.model_name)
    prediction.attempts = 0
    prediction.error_detail = ""
    _back_to_queue(prediction)
    return prediction


@transaction.atomic
def prediction_cancel(*, user: User, prediction: Prediction) -> Prediction:
    """Give up an open analysis; a worker that is at it finds its lease gone and drops the result."""
    authorize(user, Action.ANALYSE, prediction.image.study.clinic)
    prediction = Prediction.objects.select_for_update().get(pk=prediction.pk)
    if not prediction.is_open:
        raise Conflict("already_finished", _("This analysis has already ended."))
    _finish(prediction, PredictionState.CANCELLED)
    return prediction


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
    overlay = analysis.overlay_jpeg()  # encoded before the transaction: it holds SQLite's only write lock
    masks = {measured.lesion: encode_mask(analysis.masks[measured.lesion]) for measured in analysis.lesions}
    explanation = encode_probability(analysis.explanation) if analysis.explanation is not None else None
    laps.done("encode")
    rules = rules_of(prediction.image, analysis.masks)
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
        files.save(row.overlay, ".jpg", overlay)
        if explanation is not None:
            files.save(row.explanation, ".png", explanation)
        transaction.on_commit(lambda: laps.done("store"))
        _finish(row, PredictionState.SUCCEEDED)
        for measured in analysis.lesions:
            result = LesionResult(
                prediction=row,
                lesion=measured.lesion,
                count=measured.count,
                area_px=measured.area_px,
                area_percent_of_fov=measured.area_percent_of_fov,
                area_disc=measured.area_disc,
            )
            files.save(result.mask, ".png", masks[measured.lesion])
            result.save()
    laps.done("notify")
    _keep_timings(row, analysis.timings, laps)
    return row


def _keep_timings(row: Prediction, analysis: dict[str, float], laps: Laps) -> None:
    """For the operator. Written when all is done: storing and telling could not be measured earlier."""
    waited = (row.started_at - row.created_at).total_seconds() if row.started_at else 0.0
    stages = {name: seconds for name, seconds in analysis.items() if name != "total"} | laps.seconds
    row.timings = {"queue": round(waited, 4), **stages, "total": round(sum(stages.values()), 4)}
    row.save(update_fields=["timings"])


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
    _back_to_queue(row)


def _active_weights(model_name: str) -> tuple[str, dict[str, str]]:
    """The network's own name, and the checked weights that answer for it and for the grader now, by network name."""
    active = active_versions()
    with translated():
        name = resolve_model_name(model_name, [name for name in active if active[name].card.kind == "segmentation"])
        return name, {**identity(active[name]), **_active_grader()}


def _active_grader() -> dict[str, str]:
    active = active_versions()
    with translated():
        if GRADER not in active:
            raise missing_model(GRADER)
        return identity(active[GRADER])


def predictions_remind(*, processors: Sequence[str]) -> int:
    """Tell Celery again of every analysis that could be running; returns how many.

    For a worker that has nothing to do: what waits beside it was forgotten with the broker, or its worker died.
    """
    now = timezone.now()
    settled = now - SETTLING
    rows = Prediction.objects.filter(_lapsed(now) | _waiting(now) & Q(created_at__lt=settled), processor__in=processors)
    forgotten = list(rows.order_by("created_at", "pk"))
    for prediction in forgotten:
        _dispatch(prediction)
    return len(forgotten)


def lease() -> dt.timedelta:
    """How long a worker holds a photograph after it was last heard of."""
    return dt.timedelta(seconds=settings.DRWEB_LEASE_SECONDS)


def _lapsed(now: dt.datetime) -> Q:
    return Q(state=PredictionState.RUNNING, lease_expires_at__lt=now)


def _waiting(now: dt.datetime) -> Q:
    return Q(state=PredictionState.QUEUED) & (Q(not_before=None) | Q(not_before__lte=now))


def _take_turns(image_id: int) -> None:
    """Until the end of the transaction, nobody else asks for an analysis of this photograph."""
    Image.objects.select_for_update(no_key=True).get(pk=image_id)


def _given_up() -> InferenceError:
    message = gettext_noop("The analysis failed several times. Try again; if it fails again, tell your administrator.")
    return InferenceError("given_up", message)


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
    _finish(row, state)


def _finish(row: Prediction, state: PredictionState) -> None:
    row.state = state
    row.stage = ""
    row.lease_token = None
    row.lease_expires_at = None
    row.not_before = None
    row.finished_at = timezone.now()
    row.save()
    study_queue_refresh(study=row.image.study)
    transaction.on_commit(lambda: study_changed(row.image.study_id))


def _back_to_queue(row: Prediction) -> None:
    row.state = PredictionState.QUEUED
    row.stage = ""
    row.lease_token = None
    row.lease_expires_at = None
    row.finished_at = None
    row.error_code = row.error_message = ""
    row.error_params = {}
    row.save()
    study_queue_refresh(study=row.image.study)
    transaction.on_commit(lambda: _dispatch(row))
    transaction.on_commit(lambda: study_changed(row.image.study_id))


def _dispatch(prediction: Prediction) -> None:
    """Tell Celery where there is a broker; the embedded worker finds the row by itself."""
    if not settings.DRWEB_BROKER_URL:
        return
    from cases.tasks import analyse_prediction

    try:
        analyse_prediction.apply_async(
            (prediction.pk,), queue=prediction.processor, eta=prediction.not_before, retry=False
        )
    except Exception:
        logger.warning("the broker is away; a worker will find prediction %s", prediction.pk, exc_info=True)


def _refuse_when_full() -> None:
    waiting = Prediction.objects.filter(state=PredictionState.QUEUED).count()
    if waiting >= settings.DRWEB_MAX_QUEUE:
        raise Unavailable(
            "queue_full",
            _(
                "%(waiting)d photographs are waiting already, so that this one was not queued. "
                "It is kept: try again in a few minutes."
            )
            % {"waiting": waiting},
            waiting=waiting,
            retry_after_seconds=retry_after_seconds(waiting),
        )

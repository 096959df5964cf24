"""What people ask of an analysis: request it, compare versions by it, try it again, cancel it.

The row is the truth: requested -> queued -> claimed (`prediction_lease`) -> succeeded, ungradable, failed, or queued
again.

Locks are taken in one order, photograph, prediction, study, so that no two transactions wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from cases.choices import Detail, PredictionState, Processor
from cases.errors import Conflict, Unavailable
from cases.models import Image, Prediction, User
from cases.notifications import study_changed
from cases.permissions import Action, authorize
from cases.selectors.network_version import active_versions
from cases.selectors.queue import retry_after_seconds
from cases.services.inference_errors import translated
from cases.services.prediction_state import prediction_dispatch, prediction_end, prediction_enqueue
from cases.services.study_queue import study_queue_refresh
from inference.registry import GRADER, InstalledModel, find_model, identity, missing_model, resolve_model_name

_RETRIED = (PredictionState.FAILED, PredictionState.UNGRADABLE, PredictionState.CANCELLED)


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
        model_name, weights = name, exact | _active_grader(active_versions())
    prediction = _request(user, image, model_name, weights, for_comparison=True)
    if prediction.networks["weights"] != weights:
        raise Conflict("comparison_runs", _("Another version of this network is still being run. Try again later."))
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
    prediction_enqueue(prediction=prediction)
    return prediction


@transaction.atomic
def prediction_cancel(*, user: User, prediction: Prediction) -> Prediction:
    """Give up an open analysis; a worker that is at it finds its lease gone and drops the result."""
    authorize(user, Action.ANALYSE, prediction.image.study.clinic)
    prediction = Prediction.objects.select_for_update().get(pk=prediction.pk)
    if not prediction.is_open:
        raise Conflict("already_finished", _("This analysis has already ended."))
    prediction_end(prediction=prediction, state=PredictionState.CANCELLED)
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
        transaction.on_commit(lambda: prediction_dispatch(prediction=prediction))
    study_changed(image.study_id)
    return prediction


def _active_weights(model_name: str) -> tuple[str, dict[str, str]]:
    """The network's own name, and the checked weights that answer for it and for the grader now, by network name."""
    active = active_versions()
    with translated():
        name = resolve_model_name(model_name, [name for name in active if active[name].card.kind == "segmentation"])
        return name, {**identity(active[name]), **_active_grader(active)}


def _active_grader(active: Mapping[str, InstalledModel]) -> dict[str, str]:
    with translated():
        if GRADER not in active:
            raise missing_model(GRADER)
        return identity(active[GRADER])


def _take_turns(image_id: int) -> None:
    """Until the end of the transaction, nobody else asks for an analysis of this photograph."""
    Image.objects.select_for_update(no_key=True).get(pk=image_id)


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

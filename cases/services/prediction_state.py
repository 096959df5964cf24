"""The changes of state that people and workers both make, within their transactions, and the word to Celery."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from cases.choices import PredictionState
from cases.models import Prediction
from cases.notifications import study_changed
from cases.services.study_queue import study_queue_refresh

logger = logging.getLogger(__name__)


def prediction_end(*, prediction: Prediction, state: PredictionState) -> None:
    """Nobody is at it any more; `state` says how it ended."""
    prediction.state = state
    prediction.stage = ""
    prediction.lease_token = None
    prediction.lease_expires_at = None
    prediction.not_before = None
    prediction.finished_at = timezone.now()
    prediction.save()
    study_queue_refresh(study=prediction.image.study)
    transaction.on_commit(lambda: study_changed(prediction.image.study_id))


def prediction_enqueue(*, prediction: Prediction) -> None:
    """Whoever is free takes it, not before its `not_before`."""
    prediction.state = PredictionState.QUEUED
    prediction.stage = ""
    prediction.lease_token = None
    prediction.lease_expires_at = None
    prediction.finished_at = None
    prediction.error_code = prediction.error_message = ""
    prediction.error_params = {}
    prediction.save()
    study_queue_refresh(study=prediction.image.study)
    transaction.on_commit(lambda: prediction_dispatch(prediction=prediction))
    transaction.on_commit(lambda: study_changed(prediction.image.study_id))


def prediction_dispatch(*, prediction: Prediction) -> None:
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

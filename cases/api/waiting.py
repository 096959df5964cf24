"""Waiting for the worker within a request."""

from __future__ import annotations

import time

from django.db import connection

from cases.choices import PredictionState
from cases.models import Prediction

FIRST_PAUSE = 0.05  # seconds
LONGEST_PAUSE = 0.25


def wait_until_finished(prediction: Prediction, *, seconds: float) -> None:
    """Return when the analysis is no longer open, or after `seconds`.

    Holds no transaction, and between two looks no database connection either, so that many callers can wait at once.
    """
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE
    row = Prediction.objects.filter(pk=prediction.pk, state__in=PredictionState.open_states())
    while row.exists() and (left := deadline - time.monotonic()) > 0:
        if not connection.in_atomic_block:  # a transaction of the caller would be lost with it
            connection.close()
        time.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE)

"""Looks after a running analysis from beside it."""

from __future__ import annotations

import contextvars
import logging
import os
import threading
import time
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import Error as DatabaseAway
from django.db import close_old_connections, connection
from django.utils.translation import gettext_noop

from cases.models import Prediction
from cases.services.prediction_lease import LeaseLost, lease, prediction_hand_back, prediction_heartbeat
from inference.errors import InferenceError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
EXIT_STATUS = 75  # EX_TEMPFAIL of sysexits.h

_running: set[Watch] = set()


class Watch:
    """Renews the lease of an analysis from a thread, and ends the process where a stage takes too long.

    Native code cannot be interrupted: a process that must not go on hands the photograph back and exits, and whoever
    supervises it starts another one.
    """

    def __init__(self, prediction: Prediction) -> None:
        self._prediction = prediction
        self._stage = ""  # loading, which is not limited: a network may have to be compiled first
        self._since = time.monotonic()
        self._over = threading.Event()
        run = contextvars.copy_context().run  # the ids of log lines
        self._thread = threading.Thread(target=run, args=(self._watch,), name="watch", daemon=True)

    def __enter__(self) -> Self:
        _running.add(self)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _running.discard(self)
        self._over.set()
        self._thread.join()

    def stage(self, name: str) -> None:
        """A stage begins. Raises `LeaseLost` where somebody else holds the row."""
        self._stage, self._since = name, time.monotonic()
        self._beat(name)

    def hand_back(self, detail: str, *, counts: bool = False, error: InferenceError | None = None) -> None:
        """Return the photograph to the queue; the process has to end then, since the work goes on in it."""
        logger.error("prediction %s is handed back: %s", self._prediction.pk, detail)
        try:
            prediction_hand_back(prediction=self._prediction, detail=detail, counts=counts, error=error)
        except (LeaseLost, DatabaseAway):
            logger.warning("prediction %s could not be handed back", self._prediction.pk, exc_info=True)

    def _watch(self) -> None:
        pause = lease().total_seconds() / 4
        next_beat = time.monotonic() + pause
        while not self._over.wait(min(LOOK_SECONDS, pause)):
            now = time.monotonic()
            if self._stage and now - self._since > settings.DRWEB_STAGE_SECONDS:
                self._too_slow()
            if now >= next_beat:
                next_beat = now + pause
                try:
                    self._beat()
                except LeaseLost:
                    break  # the work hears of it at its next stage
        connection.close()

    def _beat(self, stage: str | None = None) -> None:
        try:
            prediction_heartbeat(prediction=self._prediction, stage=stage)
        except DatabaseAway:
            logger.warning("heartbeat of prediction %s failed", self._prediction.pk, exc_info=True)
            close_old_connections()

    def _too_slow(self) -> None:
        sentence = gettext_noop(
            "The analysis of this photograph took too long, several times. Try again when the server has less to do; "
            "if it fails again, tell your administrator."
        )
        detail = f"The stage {self._stage} took more than {settings.DRWEB_STAGE_SECONDS:g} s."
        _running.discard(self)
        self.hand_back(detail, counts=True, error=InferenceError("too_slow", sentence))
        end_process("Another photograph of this worker was stuck.")


def is_running() -> bool:
    """Whether this process is analysing a photograph."""
    return bool(_running)


def end_process(why: str) -> None:
    """At once. What is being analysed goes back to the queue, and the attempt is not counted."""
    for watch in list(_running):
        watch.hand_back(why)
    logging.shutdown()
    os._exit(EXIT_STATUS)

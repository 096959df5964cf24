"""`manage.py worker`: the embedded worker, for one machine without a broker."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from django.db import close_old_connections

from cases.selectors.network_version import active_versions
from cases.services.analysis import prediction_run_next
from inference.errors import InferenceError

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.2  # between looks at an empty queue: an indexed read of one row
PATIENCE_SECONDS = 2.0  # between attempts while the database is away


class Command(BaseCommand):
    help = "Analyse queued photographs until stopped; SIGTERM finishes the running one first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when the queue is empty")

    def handle(self, *, once: bool, **options: Any) -> None:
        stop = threading.Event()

        def ask_to_stop(number: int, frame: FrameType | None) -> None:
            logger.info("worker stops after the running photograph")
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ask_to_stop)
        self._warm_up()
        while not stop.is_set():
            try:
                worked = prediction_run_next()
            except DatabaseError:
                logger.exception("the database is away; trying again")
                close_old_connections()
                stop.wait(PATIENCE_SECONDS)
                continue
            if not worked:
                if once:
                    return
                stop.wait(IDLE_SECONDS)

    def _warm_up(self) -> None:
        """Load the default networks before the first photograph waits for them; a missing one is reported then."""
        from inference.analysis import warm_up

        try:
            weights = {name: model.card.sha256 for name, model in active_versions().items()}
            warm_up(settings.DRWEB_DEFAULT_MODEL, weights=weights)
        except InferenceError as error:
            logger.error("cannot load %s: %s", settings.DRWEB_DEFAULT_MODEL, error)

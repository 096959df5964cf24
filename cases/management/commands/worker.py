"""`manage.py worker`: the embedded worker, for one machine without a broker."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseAway
from django.db import close_old_connections, connection

from cases.choices import Processor
from cases.management.worker_process import WorkerProcess
from cases.services.analysis import prediction_run_next

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.2  # between looks at an empty queue: an indexed read of one row
PATIENCE_SECONDS = 2.0  # between attempts while the database is away


class Command(BaseCommand):
    help = "Analyse queued photographs until stopped; SIGTERM finishes the running one first, or hands it back."
    # The database may come later than the worker.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when the queue is empty")

    def handle(self, *, once: bool, **options: Any) -> None:
        worker = WorkerProcess(processors=Processor.values)
        stop = threading.Event()
        loops = [Loop(worker, stop, once=once) for _thread in range(settings.DRWEB_WORKER_THREADS)]

        def ask_to_stop(number: int, frame: FrameType | None) -> None:
            if not stop.is_set():
                logger.info("the worker stops after the running photograph")
                worker.hand_back_later()
                stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ask_to_stop)
        worker.start()
        # Beside the main thread, which has to hear signals while native code runs for seconds.
        for loop in loops:
            loop.start()
        for loop in loops:
            loop.join()
        worker.stop()
        if any(loop.failed for loop in loops):
            raise CommandError("the worker died, see the log")


class Loop(threading.Thread):
    """Analyses one photograph after the other; networks take turns, whatever comes before and after them does not."""

    def __init__(self, worker: WorkerProcess, stop: threading.Event, *, once: bool) -> None:
        super().__init__(name="analyses")
        self.worker, self.stop, self.once = worker, stop, once
        self.failed = False

    def run(self) -> None:
        """Until asked to stop, or with `once` until the queue is empty."""
        try:
            self.worker.warm_up()
            while not self.stop.is_set():
                if not self._next() and self.once:
                    break
        except BaseException:
            logger.exception("the worker died")
            self.failed = True
            self.stop.set()
        finally:
            connection.close()

    def _next(self) -> bool:
        """Whether there was something to do (or the database was away, so that nobody knows)."""
        try:
            worked = prediction_run_next()
        except DatabaseAway:
            logger.exception("the database is away; trying again")
            close_old_connections()
            self.stop.wait(PATIENCE_SECONDS)
            return True
        if not worked and not self.once:
            self.stop.wait(IDLE_SECONDS)
        return worked

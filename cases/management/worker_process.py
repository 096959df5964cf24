"""What the embedded worker and a Celery worker have in common beside the analyses themselves."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Sequence

from django.conf import settings
from django.db import Error as DatabaseAway
from django.db import close_old_connections, connection
from django.utils import timezone

from cases.selectors.network_version import active_versions
from cases.services.prediction_lease import lease, predictions_remind
from cases.services.watch import end_process, is_running
from cases.services.worker import worker_gone, worker_seen
from inference.analysis import loaded_networks, warm_up
from inference.errors import InferenceError

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0


class WorkerProcess:
    """Says from a thread that this process lives, and what it has loaded.

    With `reminds` (Celery) it also tells the broker again of what waits while this process has nothing to do: messages
    are lost with the broker, rows are not.
    """

    def __init__(self, *, processors: Sequence[str], reminds: bool = False) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.processors = list(processors)
        self._reminds = reminds
        self._started_at = timezone.now()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="worker-row", daemon=True)

    def start(self) -> None:
        """Step behind the other processes of the machine, and begin to speak."""
        os.nice(settings.DRWEB_WORKER_NICE)
        self._thread.start()

    def warm_up(self) -> None:
        """Load the default networks before the first photograph waits for them; a missing one is reported then.

        Waits for the database, which says which versions are active.
        """
        while not self._over.is_set():
            try:
                weights = {name: model.card.sha256 for name, model in active_versions().items()}
                warm_up(settings.DRWEB_DEFAULT_MODEL, weights=weights)
            except DatabaseAway as error:
                logger.warning("waiting for the database: %s", error)
                close_old_connections()
                self._over.wait(BEAT_SECONDS)
            except InferenceError as error:
                logger.error("cannot load %s: %s", settings.DRWEB_DEFAULT_MODEL, error)
                return
            else:
                return

    def stop(self) -> None:
        """Fall silent; the row goes."""
        self._over.set()
        self._thread.join()

    def hand_back_later(self) -> None:
        """Give the running photograph DRWEB_SHUTDOWN_SECONDS to be finished; then it is handed back."""
        timer = threading.Timer(settings.DRWEB_SHUTDOWN_SECONDS, end_process, ("The worker was stopped.",))
        timer.daemon = True
        timer.start()

    def _speak(self) -> None:
        pause = min(BEAT_SECONDS, lease().total_seconds() / 4)
        while True:
            try:
                worker_seen(
                    name=self.name,
                    processors=self.processors,
                    threads=settings.DRWEB_WORKER_THREADS,
                    networks=loaded_networks(),
                    started_at=self._started_at,
                )
                if self._reminds and not is_running():
                    predictions_remind(processors=self.processors)
            except DatabaseAway as error:
                logger.warning("the database is away: %s", error)
                close_old_connections()
            if self._over.wait(pause):
                break
        try:
            worker_gone(name=self.name)
        except DatabaseAway as error:
            logger.warning("the database is away: %s", error)
        connection.close()

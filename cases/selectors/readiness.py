"""Whether the system can do its work now, for the operator's monitoring."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings

from cases.errors import DATABASE_AWAY
from cases.models import Worker
from cases.selectors.queue import queue_load

logger = logging.getLogger(__name__)

_told: set[str] = set()  # the parts that this process has said are not ok


def readiness() -> dict[str, dict[str, Any]]:
    """By part, whether it is `ok`, and in numbers why: the database, the age of the queue, a worker with a network."""
    checks = _checks()
    _tell({part for part, check in checks.items() if not check["ok"]})
    return checks


def _tell(failing: set[str]) -> None:
    """One line in the log where something has changed: probes come every few seconds."""
    if failing == _told:
        return
    if failing:
        logger.warning("not ready: %s", ", ".join(sorted(failing)))
    else:
        logger.warning("ready again")
    _told.clear()
    _told.update(failing)


def _checks() -> dict[str, dict[str, Any]]:
    try:
        load = queue_load()
        living = list(Worker.objects.alive())
    except DATABASE_AWAY:
        return {"database": {"ok": False}}
    loaded = [worker for worker in living if worker.networks]
    return {
        "database": {"ok": True},
        "queue": {
            "ok": load.oldest_seconds <= settings.DRWEB_READY_QUEUE_SECONDS,
            "waiting": load.waiting,
            "running": load.running,
            "oldest_seconds": round(load.oldest_seconds, 1),
            "limit_seconds": settings.DRWEB_READY_QUEUE_SECONDS,
        },
        "workers": {
            "ok": bool(loaded),
            "alive": len(living),
            "with_network": len(loaded),
            "networks": sorted({f"{name} ({engine})" for worker in loaded for name, engine in worker.networks.items()}),
        },
    }

"""Whether the system can do its work now, for the operator's monitoring."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from cases.errors import DATABASE_AWAY
from cases.models import Worker
from cases.selectors.queue import queue_load


def readiness() -> dict[str, dict[str, Any]]:
    """By part, whether it is `ok`, and in numbers why: the database, the age of the queue, a worker with a network."""
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

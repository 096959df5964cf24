"""What workers say of themselves. For the operator alone: no analysis depends on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from cases.models import Worker

FORGOTTEN_AFTER = dt.timedelta(days=1)


@transaction.atomic
def worker_seen(
    *,
    name: str,
    processors: Sequence[str],
    networks: Mapping[str, str],
    started_at: dt.datetime,
    threads: int = 1,
) -> None:
    """Note that a worker lives, and which networks it has loaded. Forgets those that died long ago."""
    now = timezone.now()
    said = {
        "processors": list(processors),
        "threads": threads,
        "networks": dict(networks),
        "started_at": started_at,
        "seen_at": now,
    }
    _row, is_new = Worker.objects.update_or_create(name=name, defaults=said)
    if is_new:
        Worker.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()


def worker_gone(*, name: str) -> None:
    """A worker ended in order."""
    Worker.objects.filter(name=name).delete()

"""The queue of analyses: who is where in it, how long it takes, who works on it. It is one for all clinics."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from django.db.models import Avg, F, Min, QuerySet
from django.utils import timezone

from cases.choices import PredictionState, Processor
from cases.models import Prediction, Worker

MEASURED = 20  # newest results that the expected wait is estimated from
SHORTEST_RETRY, LONGEST_RETRY = 5, 300  # seconds


@dataclass(frozen=True)
class Queue:
    """How fast the open analyses go, and who is where among them."""

    seconds_each: float | None
    """Mean of the newest analyses; None where there was none yet."""
    workers: Mapping[str, int]
    """How many photographs they take at once, by processor."""

    @cached_property
    def _places(self) -> dict[int, int]:
        """Waiting analysis -> those of its queue that end before it begins: read once for however many are asked."""
        rows = Prediction.objects.filter(state__in=PredictionState.open_states())
        in_turn = list(rows.order_by("created_at", "pk").values_list("pk", "state", "processor"))
        before = Counter(processor for _pk, state, processor in in_turn if state == PredictionState.RUNNING)
        places = {}
        for pk, state, processor in in_turn:
            if state == PredictionState.QUEUED:
                places[pk] = before[processor]
                before[processor] += 1
        return places

    def ahead(self, prediction: Prediction) -> int:
        """Analyses of the same queue that end before this one begins: those at work, and those that came earlier."""
        return self._places.get(prediction.pk, 0) if prediction.state == PredictionState.QUEUED else 0

    def attended(self, prediction: Prediction) -> bool:
        """Whether a worker is running that takes from its queue."""
        return self.workers.get(prediction.processor, 0) > 0

    def wait_seconds(self, prediction: Prediction) -> int | None:
        """Expected seconds until the result is there; None where nobody can tell."""
        if self.seconds_each is None or not self.attended(prediction):
            return None
        return math.ceil((self.ahead(prediction) + 1) * self.seconds_each / self.workers[prediction.processor])


def queue_now() -> Queue:
    """The pace of the queue at this moment."""
    return Queue(_seconds_each(), _living_workers())


def retry_after_seconds(waiting: int) -> int:
    """When a caller who found the queue full should ask again: when a tenth of what waits should be done."""
    workers = sum(_living_workers().values())
    seconds = waiting / 10 * (_seconds_each() or 1.0) / max(1, workers)
    return round(min(max(seconds, SHORTEST_RETRY), LONGEST_RETRY))


@dataclass(frozen=True)
class QueueLoad:
    """How much waits, and since when."""

    waiting: int
    running: int
    oldest_seconds: float
    """Since the analysis that has waited longest could have been begun; 0 where none waits."""


def queue_load() -> QueueLoad:
    """What waits and what is at work, in all clinics."""
    now = timezone.now()
    queued = Prediction.objects.filter(state=PredictionState.QUEUED)
    oldest = queued.filter(not_before=None).aggregate(oldest=Min("created_at"))["oldest"]
    return QueueLoad(
        waiting=queued.count(),
        running=Prediction.objects.filter(state=PredictionState.RUNNING).count(),
        oldest_seconds=(now - oldest).total_seconds() if oldest else 0.0,
    )


def stage_seconds() -> dict[str, float]:
    """Mean seconds of each stage of the newest analyses."""
    seconds: dict[str, list[float]] = {}
    for timings in _newest_results().values_list("timings", flat=True):
        for stage, spent in timings.items():
            seconds.setdefault(stage, []).append(spent)
    return {stage: fmean(spent) for stage, spent in seconds.items()}


def _seconds_each() -> float | None:
    mean: dt.timedelta | None = _newest_results().aggregate(mean=Avg(F("finished_at") - F("started_at")))["mean"]
    return mean.total_seconds() if mean is not None else None


def _newest_results() -> QuerySet[Prediction]:
    results = Prediction.objects.filter(state=PredictionState.SUCCEEDED, started_at__isnull=False)
    return results.order_by("-created_at")[:MEASURED]


def _living_workers() -> dict[str, int]:
    living = list(Worker.objects.alive())
    return {name: sum(row.threads for row in living if name in row.processors) for name in Processor.values}

"""What Prometheus is told: requests of this process, and queue, analyses and workers as the database has them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from prometheus_client import REGISTRY, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cases.choices import PredictionState, Processor
from cases.errors import DATABASE_AWAY
from cases.models import Prediction, Worker
from cases.selectors.queue import queue_load, queue_now, stage_seconds

_requests = Histogram(
    "drweb_http_request_seconds",
    "Time from the first byte of a request to its answer.",
    ("method", "route", "status"),
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 120),
)


def observe_request(request: HttpRequest, status: int, seconds: float) -> None:
    """Count a request under the pattern of its address, so that ids make no series of their own."""
    route = request.resolver_match.route if request.resolver_match else "none"
    _requests.labels(request.method, route, status).observe(seconds)


class DatabaseCollector(Collector):
    """Read anew at each scrape; the same whichever web process is asked."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The gauges; only `drweb_database_up 0` where the database is away."""
        up = GaugeMetricFamily("drweb_database_up", "Whether the database answers.")
        try:
            families = [*_queue(), *_analyses(), *_workers()]
        except DATABASE_AWAY:
            families = []
        up.add_metric([], float(bool(families)))
        return [up, *families]


REGISTRY.register(DatabaseCollector())


def _queue() -> Iterable[Metric]:
    load = queue_load()
    yield GaugeMetricFamily("drweb_queue_waiting", "Analyses that wait.", value=load.waiting)
    yield GaugeMetricFamily("drweb_queue_running", "Analyses at work.", value=load.running)
    yield GaugeMetricFamily("drweb_queue_oldest_seconds", "How long the first has waited.", value=load.oldest_seconds)
    each = queue_now().seconds_each
    if each is not None:
        yield GaugeMetricFamily("drweb_analysis_seconds", "Mean of the newest analyses.", value=each)


def _analyses() -> Iterable[Metric]:
    by_state = GaugeMetricFamily("drweb_predictions", "Analyses by state.", labels=("state",))
    counted = dict(Prediction.objects.order_by().values_list("state").annotate(Count("pk")))
    for state in PredictionState.values:
        by_state.add_metric([state], counted.get(state, 0))
    yield by_state
    by_stage = GaugeMetricFamily("drweb_stage_seconds", "Mean of the newest analyses, by stage.", labels=("stage",))
    for stage, seconds in stage_seconds().items():
        by_stage.add_metric([stage], seconds)
    yield by_stage


def _workers() -> Iterable[Metric]:
    living = list(Worker.objects.alive())
    by_processor = GaugeMetricFamily("drweb_workers", "Living workers.", labels=("processor",))
    ready = GaugeMetricFamily("drweb_workers_ready", "Those that have loaded a network.", labels=("processor",))
    for processor in Processor.values:
        serving = [worker for worker in living if processor in worker.processors]
        by_processor.add_metric([processor], len(serving))
        ready.add_metric([processor], sum(bool(worker.networks) for worker in serving))
    yield from (by_processor, ready)
    seen = GaugeMetricFamily("drweb_worker_silence_seconds", "Since a worker was heard of.", labels=("worker",))
    for worker in living:
        seen.add_metric([worker.name], (timezone.now() - worker.seen_at).total_seconds())
    yield seen

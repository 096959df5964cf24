"""For the operator's programs: is it alive, can it work, how much does it do. No word of any patient."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import REGISTRY
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from cases.selectors.readiness import readiness


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers. Nothing else is looked at: starting it again would mend nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether photographs can be taken in and analysed now, part by part; 503 where not."""
    checks = readiness()
    ready = all(check["ok"] for check in checks.values())
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"ready": ready, "checks": checks}, status=status)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for whoever shows DRWEB_METRICS_TOKEN, or without one for this machine alone."""
    if not _may_measure(request):
        return HttpResponse("DRWEB_METRICS_TOKEN is needed.\n", status=HTTPStatus.FORBIDDEN, content_type="text/plain")
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_measure(request: HttpRequest) -> bool:
    if settings.DRWEB_METRICS_TOKEN:
        shown = request.headers.get("Authorization", "")
        return constant_time_compare(shown, f"Bearer {settings.DRWEB_METRICS_TOKEN}")
    # What a proxy on this machine hands on comes from elsewhere, whatever address it seems to have.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    return request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1")

"""What every request passes: an id for its log lines, its measurement, and an answer while the database is away."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from cases.errors import AWAY, AWAY_SECONDS, DATABASE_AWAY
from cases.log_context import log_context
from cases.metrics import observe_request
from cases.views.answers import error_answer

logger = logging.getLogger("drweb.requests")

GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestLog:
    """One log line and one measurement a request. `X-Request-ID` is taken over from a proxy, or made, and sent back.

    The line names the path without its query, which may hold what somebody searched for.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        given = request.headers.get("X-Request-ID", "")
        request_id = given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        with log_context(request_id=request_id):
            started = time.perf_counter()
            response = self.get_response(request)
            seconds = time.perf_counter() - started
            response["X-Request-ID"] = request_id
            observe_request(request, response.status_code, seconds)
            logger.info("%s %s %s %.0f ms", request.method, request.path, response.status_code, 1000 * seconds)
        return response


class DatabaseAway:
    """A view that finds no database becomes a 503 that says when to try again; the API has an answer of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Called with what a view raised."""
        if not isinstance(error, DATABASE_AWAY):
            return None
        logger.error("the database is away", exc_info=error)
        status = HTTPStatus.SERVICE_UNAVAILABLE
        if request.accepts("text/html"):
            response = render(None, "503.html", status=status)
        else:
            response = error_answer(status, "database_away", gettext(AWAY), {"retry_after_seconds": AWAY_SECONDS})
        response["Retry-After"] = str(AWAY_SECONDS)
        return response

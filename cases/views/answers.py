"""Answers of page views to their own scripts, in the shape of the API's errors."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _


def error_answer(status: int, code: str, message: str, details: Mapping[str, Any] | None = None) -> JsonResponse:
    """``{"error": {"code", "message", "details"}}`` with `status`."""
    return JsonResponse({"error": {"code": code, "message": message, "details": details or {}}}, status=status)


def login_needed(request: HttpRequest) -> JsonResponse | None:
    """The answer to a script whose session has ended (a redirect would look like success to it); else None."""
    if request.user.is_authenticated:
        return None
    return error_answer(
        HTTPStatus.UNAUTHORIZED,
        "not_authenticated",
        _("You are logged out. Log in again; what is on this page stays."),
    )

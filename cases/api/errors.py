"""One error shape for everything below /api: ``{"error": {"code", "message", "details"}}``."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    NON_FIELD_ERRORS,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from cases.errors import AWAY, AWAY_SECONDS, DATABASE_AWAY, ApplicationError

logger = logging.getLogger(__name__)


@dataclass
class ApiError:
    """What a caller is told: an HTTP status, a code for programs, a sentence for people, and facts about both."""

    status: int
    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The JSON document."""
        return {"error": {"code": self.code, "message": self.message, "details": dict(self.details)}}


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER. An error nobody foresaw becomes a 500 that says nothing of its cause."""
    set_rollback()
    answer = _known(error) or _unforeseen(error, context)
    return Response(answer.body(), status=answer.status, headers=answer.headers)


def _known(error: Exception) -> ApiError | None:
    if isinstance(error, ApplicationError):
        return ApiError(error.status, error.code, str(error.message), error.details, _retry_after(error.details))
    if isinstance(error, exceptions.APIException):
        return _from_drf(error)
    if isinstance(error, ValidationError):
        return _invalid(_django_details(error))
    if isinstance(error, DATABASE_AWAY):
        details = {"retry_after_seconds": AWAY_SECONDS}
        return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "database_away", _(AWAY), details, _retry_after(details))
    for kind, status, code, message in _OF_DJANGO:
        if isinstance(error, kind):
            return ApiError(status, code, _(message))
    return None


def _retry_after(details: Mapping[str, Any]) -> dict[str, str]:
    seconds = details.get("retry_after_seconds")
    return {} if seconds is None else {"Retry-After": str(seconds)}


_OF_DJANGO: tuple[tuple[type[Exception], HTTPStatus, str, str], ...] = (
    (Http404, HTTPStatus.NOT_FOUND, "not_found", gettext_noop("There is nothing here that you can see.")),
    (PermissionDenied, HTTPStatus.FORBIDDEN, "permission_denied", gettext_noop("You may not do this.")),
    (
        RequestDataTooBig,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "request_too_large",
        gettext_noop("The request is too large. Send less text."),
    ),
    (SuspiciousOperation, HTTPStatus.BAD_REQUEST, "bad_request", gettext_noop("The request could not be read.")),
    (UnreadablePostError, HTTPStatus.BAD_REQUEST, "bad_request", gettext_noop("The request broke off.")),
)


def _from_drf(error: exceptions.APIException) -> ApiError:
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error.detail)
    if isinstance(error, exceptions.Throttled):
        return _throttled(error)
    challenge = getattr(error, "auth_header", None)
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    message = str(error.detail) if isinstance(error.detail, str) else str(error.default_detail)
    return ApiError(error.status_code, code, message, headers=headers)


def _throttled(error: exceptions.Throttled) -> ApiError:
    wait = int(getattr(error, "wait", None) or 0) + 1
    message = _("Too many requests. Try again in %(seconds)d seconds.") % {"seconds": wait}
    details = {"retry_after_seconds": wait}
    return ApiError(error.status_code, "throttled", message, details, _retry_after(details))


def _invalid(detail: Any) -> ApiError:
    details = detail if isinstance(detail, Mapping) else {api_settings.NON_FIELD_ERRORS_KEY: detail}
    message = _("Some values are missing or wrong: %(problems)s") % {"problems": _first_problems(details)}
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid", message, details)


def _first_problems(details: Mapping[str, Any]) -> str:
    """The first problem of each field in one line, so that the message alone is enough to act on."""
    problems = []
    for name, found in details.items():
        first = found[0] if isinstance(found, list) and found else found
        problems.append(str(first) if name == api_settings.NON_FIELD_ERRORS_KEY else f"{name}: {first}")
    return " ".join(problems)


def _django_details(error: ValidationError) -> dict[str, list[str]]:
    if not hasattr(error, "error_dict"):
        return {api_settings.NON_FIELD_ERRORS_KEY: error.messages}
    rename: dict[str, str] = {NON_FIELD_ERRORS: api_settings.NON_FIELD_ERRORS_KEY}
    return {rename.get(name, name): messages for name, messages in error.message_dict.items()}


def _unforeseen(error: Exception, context: Mapping[str, Any]) -> ApiError:
    reference = secrets.token_hex(4)
    view = type(context.get("view")).__name__
    logger.error("unforeseen error %s in %s", reference, view, exc_info=error)
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "server_error",
        _("Something went wrong on our side. Try again; if it happens again, give your administrator the reference."),
        {"reference": reference},
    )

"""Who asks, from where and by which way: what the history keeps of whoever caused an entry."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from cases.choices import Via

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


def remember_request(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable:
    """Middleware: what happens until the answer happens for this request."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        token = _request.set(request)
        try:
            return get_response(request)
        finally:
            _request.reset(token)

    return middleware


def asker() -> dict[str, Any]:
    """Fields of a history entry; without a request (worker, command line) it is the system that acts.

    The address is that of the connection, which the server takes from ``X-Forwarded-For`` only where a trusted proxy
    (``FORWARDED_ALLOW_IPS``) made it.
    """
    request = _request.get()
    if request is None:
        return {"actor": None, "via": Via.SYSTEM}
    user = getattr(request, "user", None)
    token = getattr(request, "auth", None)  # set by the API; None for a session
    known = user is not None and user.is_authenticated
    return {
        "actor": user if known else None,
        "remote_addr": _address(request),
        "via": Via.PAGE if token is None else Via.TOKEN,
        "token_name": "" if token is None else token.name,
    }


def _address(request: HttpRequest) -> str | None:
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:  # a Unix socket has none
        return None

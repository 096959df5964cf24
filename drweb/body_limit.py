"""Refuses request bodies over the limit before Django spools them to disk."""

import io
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.utils.translation import get_language_from_request, gettext, override

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# What a multipart body holds besides the file.
OVERHEAD_BYTES = 1024 * 1024
# A client reads the answer only after it has sent its body, so the rest is read and dropped; but not for ever.
DRAIN_FACTOR = 10


class BodyLimit:
    """ASGI middleware: answers 413 with a JSON error where a request body is larger than ``max_mb`` megabytes.

    ``larger`` holds the limits of paths that take more.
    """

    def __init__(self, application: Application, *, max_mb: int, larger: Mapping[str, int] | None = None) -> None:
        self.application = application
        self.max_mb = max_mb
        self.larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or refuse it: by its declared length, or as soon as it turns out too long."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        max_bytes = self._limit(scope) * 1024 * 1024 + OVERHEAD_BYTES
        if declared.isdigit() and int(declared) > max_bytes:
            await self._refuse(scope, receive, send, more_body=True)
            return
        received, more_body = 0, True

        async def counted() -> Mapping[str, Any]:
            nonlocal received, more_body
            message = await receive()
            if message["type"] == "http.request":
                received += len(message["body"])
                more_body = message["more_body"]
                if received > max_bytes:
                    return {"type": "http.disconnect"}
            return message

        await self.application(scope, counted, send)
        if received > max_bytes:
            await self._refuse(scope, receive, send, more_body=more_body)

    def _limit(self, scope: Scope) -> int:
        return self.larger.get(scope["path"], self.max_mb)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, *, more_body: bool) -> None:
        drained, limit = 0, self._limit(scope)
        while more_body and drained < DRAIN_FACTOR * limit * 1024 * 1024:
            message = await receive()
            if message["type"] != "http.request":
                return
            drained += len(message["body"])
            more_body = message["more_body"]
        with override(get_language_from_request(ASGIRequest(scope, io.BytesIO()))):
            text = gettext("The upload is larger than %(limit)d MB. Choose a smaller file.") % {"limit": limit}
        error = {"code": "upload_too_large", "message": text, "details": {"limit_mb": limit}}
        body = json.dumps({"error": error}, ensure_ascii=False).encode()
        await send(
            {
                "type": "http.response.start",
                "status": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
                "trailers": False,
            }
        )
        await send({"type": "http.response.body", "body": body, "more_body": False})

"""A page's end of a websocket, through the whole ASGI application."""

from __future__ import annotations

import json

from asgiref.testing import ApplicationCommunicator
from django.conf import settings as django_settings
from django.test import Client

from cases.models import User
from drweb.asgi import application

LOOK = 0.05  # seconds between two looks of an impatient consumer
LONG = 5.0  # seconds to wait for what must come


def session_cookie(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[django_settings.SESSION_COOKIE_NAME].value


class Socket(ApplicationCommunicator):
    """A browser's end. channels.testing has one as well, but importing it needs the web server daphne."""

    def __init__(self, path: str, cookie: str = "", origin: str = "http://localhost") -> None:
        headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
        if cookie:
            headers.append((b"cookie", f"{django_settings.SESSION_COOKIE_NAME}={cookie}".encode()))
        scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers, "subprotocols": []}
        super().__init__(application, scope)

    async def connect(self) -> bool:
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output(LONG))["type"] == "websocket.accept"

    async def hears(self) -> dict:
        message = await self.receive_output(LONG)
        assert message["type"] == "websocket.send"
        return json.loads(message["text"])

    async def hears_nothing(self) -> bool:
        return await self.receive_nothing(timeout=4 * LOOK)

    async def is_closed(self) -> int:
        """The close code; nothing else may come before."""
        message = await self.receive_output(LONG)
        assert message["type"] == "websocket.close"
        return message["code"]

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(LONG)

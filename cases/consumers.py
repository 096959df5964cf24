"""Websockets: hints to look at a study again. What is true is read over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from cases.notifications import study_group
from cases.selectors.study import study_version

LOGIN_NEEDED = 4401  # close codes: the HTTP status they stand for, in the range that applications may use
NOT_FOUND = 4404
INTERNAL_ERROR = 1011  # RFC 6455

logger = logging.getLogger(__name__)


class StudyConsumer(AsyncWebsocketConsumer):
    """Says ``{"type": "changed"}`` at first and whenever a study should be read again, ``{"type": "ping"}`` in between.

    With a channel layer between the processes the writers tell; without one the row is looked at every second. Before
    each word the session and the person's right to see the study are checked again.
    """

    LOOK_SECONDS = 1.0
    PING_SECONDS = 20.0

    study_id: int
    version: tuple[object, ...] | None = None
    watcher: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Accept in any case: only an open socket can be closed with a code that the page sees."""
        await self.accept()
        self.study_id = self.scope["url_route"]["kwargs"]["study_id"]
        if settings.DRWEB_CHANNEL_URL:
            await self.channel_layer.group_add(study_group(self.study_id), self.channel_name)
        if await self._look() is None:
            return
        await self._say("changed")  # something may have, between the page's last reading and this moment
        self.watcher = asyncio.create_task(self._watch_or_close())

    async def disconnect(self, code: int) -> None:
        """Stop looking."""
        if self.watcher is not None:
            self.watcher.cancel()
        if settings.DRWEB_CHANNEL_URL and hasattr(self, "study_id"):
            await self.channel_layer.group_discard(study_group(self.study_id), self.channel_name)

    async def study_changed(self, event: dict[str, Any]) -> None:
        """A hint from the channel layer (`cases.notifications`)."""
        if await self._look() is not None:
            await self._say("changed")

    async def _watch_or_close(self) -> None:
        try:
            await self._watch()
        except Exception:  # a page whose socket is closed polls and comes back; one that hears nothing would wait
            logger.exception("stopped watching study %s", self.study_id)
            await self.close(INTERNAL_ERROR)

    async def _watch(self) -> None:
        pause = self.PING_SECONDS if settings.DRWEB_CHANNEL_URL else self.LOOK_SECONDS
        quiet = 0.0
        while True:
            await asyncio.sleep(pause)
            changed = await self._look()
            if changed is None:
                return
            quiet = 0.0 if changed else quiet + pause
            if changed:
                await self._say("changed")
            elif quiet >= self.PING_SECONDS:
                quiet = 0.0
                await self._say("ping")

    async def _look(self) -> bool | None:
        """Whether the study changed since the last look; None (and the socket is closed) where it may not be seen."""
        session = import_module(settings.SESSION_ENGINE).SessionStore(self.scope["session"].session_key)
        user = await get_user({"session": session})
        version = await database_sync_to_async(study_version)(user, self.study_id)
        if version is None:
            await self.close(NOT_FOUND if user.is_authenticated else LOGIN_NEEDED)
            return None
        changed = version != self.version
        self.version = version
        return changed

    async def _say(self, kind: str) -> None:
        await self.send(json.dumps({"type": kind}))

"""Websockets: hints to look again. What is true is read over HTTP."""

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
from django.contrib.auth.models import AnonymousUser

from cases.models import User
from cases.notifications import study_group, work_list_group
from cases.selectors.study import study_version
from cases.selectors.work_list import clinics_on_work_list, work_list_version

LOGIN_NEEDED = 4401  # close codes: the HTTP status they stand for, in the range that applications may use
NOT_FOUND = 4404
INTERNAL_ERROR = 1011  # RFC 6455

logger = logging.getLogger(__name__)


class WatchingConsumer(AsyncWebsocketConsumer):
    """Says ``{"type": "changed"}`` at first and whenever a page should look again, ``{"type": "ping"}`` in between.

    With a channel layer between the processes the writers tell; without one the rows are looked at every second, and
    more seldom the longer nothing has changed. Before each word the session and the person's right to see them are
    checked again.
    """

    LOOK_SECONDS, LONGEST_LOOK_SECONDS = 1.0, 5.0
    LOOK_SHARE = 0.1  # of the time for which nothing has changed
    PING_SECONDS = 20.0

    groups: list[str]
    version: tuple[object, ...] | None = None
    watcher: asyncio.Task[None] | None = None

    def version_for(self, user: User | AnonymousUser) -> tuple[object, ...] | None:
        """A value that changes whenever what is watched does; None where `user` may not see it (any more)."""
        raise NotImplementedError

    def groups_for(self, user: User | AnonymousUser) -> list[str]:
        """The channel groups whose hints count."""
        raise NotImplementedError

    async def connect(self) -> None:
        """Accept in any case: only an open socket can be closed with a code that the page sees."""
        await self.accept()
        if settings.DRWEB_CHANNEL_URL:
            user = await self._user()
            self.groups = await database_sync_to_async(self.groups_for)(user)
            for group in self.groups:
                await self.channel_layer.group_add(group, self.channel_name)
        if await self._look() is None:
            return
        await self._say("changed")  # something may have, between the page's last reading and this moment
        self.watcher = asyncio.create_task(self._watch_or_close())

    async def disconnect(self, code: int) -> None:
        """Stop looking; channels itself leaves `groups`."""
        if self.watcher is not None:
            self.watcher.cancel()

    async def look_again(self, event: dict[str, Any]) -> None:
        """A hint from the channel layer (`cases.notifications`)."""
        if await self._look() is not None:
            await self._say("changed")

    async def _watch_or_close(self) -> None:
        try:
            await self._watch()
        except Exception:  # a page whose socket is closed polls and comes back; one that hears nothing would wait
            logger.exception("stopped watching %s", self.scope["path"])
            await self.close(INTERNAL_ERROR)

    async def _watch(self) -> None:
        unchanged = unsaid = 0.0  # for so many seconds
        while True:
            pause = self.PING_SECONDS if settings.DRWEB_CHANNEL_URL else self._pause(unchanged)
            await asyncio.sleep(pause)
            changed = await self._look()
            if changed is None:
                return
            unchanged, unsaid = (0.0, 0.0) if changed else (unchanged + pause, unsaid + pause)
            if changed:
                await self._say("changed")
            elif unsaid >= self.PING_SECONDS:
                unsaid = 0.0
                await self._say("ping")

    def _pause(self, unchanged: float) -> float:
        return min(max(self.LOOK_SECONDS, self.LOOK_SHARE * unchanged), self.LONGEST_LOOK_SECONDS)

    async def _look(self) -> bool | None:
        """Whether something changed since the last look; None (and the socket is closed) where it may not be seen."""
        user = await self._user()
        version = await database_sync_to_async(self.version_for)(user)
        if version is None:
            await self.close(NOT_FOUND if user.is_authenticated else LOGIN_NEEDED)
            return None
        changed = version != self.version
        self.version = version
        return changed

    async def _user(self) -> User | AnonymousUser:
        session = import_module(settings.SESSION_ENGINE).SessionStore(self.scope["session"].session_key)
        return await get_user({"session": session})

    async def _say(self, kind: str) -> None:
        await self.send(json.dumps({"type": kind}))


class StudyConsumer(WatchingConsumer):
    """Watches one study."""

    def version_for(self, user: User | AnonymousUser) -> tuple[object, ...] | None:
        return study_version(user, self._study_id)

    def groups_for(self, user: User | AnonymousUser) -> list[str]:
        return [study_group(self._study_id)]

    @property
    def _study_id(self) -> int:
        return self.scope["url_route"]["kwargs"]["study_id"]


class WorkListConsumer(WatchingConsumer):
    """Watches the work-list of a person's clinics."""

    def version_for(self, user: User | AnonymousUser) -> tuple[object, ...] | None:
        return work_list_version(user)

    def groups_for(self, user: User | AnonymousUser) -> list[str]:
        return [work_list_group(clinic) for clinic in clinics_on_work_list(user)]

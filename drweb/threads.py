"""Threads that answer one request after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from django.db import connections

Value = TypeVar("Value")
Work = tuple[Future, Callable[[], Any]]

IDLE_SECONDS = 20.0


class KeptThreads(Executor):
    """As many threads as there are calls, for some wait for minutes; each is kept for the next call.

    The one that was free last comes first, so that few are at work where few are needed. One that has had nothing to do
    for `IDLE_SECONDS` ends, and its database connection with it.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._free: list[SimpleQueue[Work]] = []

    def submit(self, call: Callable[..., Value], /, *args: Any, **kwargs: Any) -> Future[Value]:
        """Run `call` at once; the future has what it returns or raises."""
        future: Future[Value] = Future()
        with self._lock:
            inbox = self._free.pop() if self._free else None
        if inbox is None:
            inbox = SimpleQueue()
            threading.Thread(target=self._serve, args=(inbox,), name="request", daemon=True).start()
        inbox.put((future, partial(call, *args, **kwargs)))
        return future

    def _serve(self, inbox: SimpleQueue[Work]) -> None:
        while (work := self._next(inbox)) is not None:
            future, call = work
            if not future.set_running_or_notify_cancel():
                self._set_free(inbox)
                continue
            try:
                value = call()
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the future
                self._set_free(inbox)
                future.set_exception(error)
            else:
                self._set_free(inbox)  # first, so that who has the answer and asks again finds this thread
                future.set_result(value)
            del work, future, call  # not to be kept until the next call
        connections.close_all()

    def _next(self, inbox: SimpleQueue[Work]) -> Work | None:
        try:
            return inbox.get(timeout=self._idle_seconds)
        except Empty:
            with self._lock:
                if inbox in self._free:
                    self._free.remove(inbox)
                    return None
            return inbox.get()  # it was chosen at this very moment

    def _set_free(self, inbox: SimpleQueue[Work]) -> None:
        with self._lock:
            self._free.append(inbox)

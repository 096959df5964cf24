"""How Django answers HTTP requests here."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, ParamSpec, TypeVar, cast

from asgiref.sync import sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import close_old_connections
from django.http import FileResponse, HttpResponseBase
from django.urls import set_script_prefix

from drweb.body_limit import Receive, Scope, Send
from drweb.threads import KeptThreads

Given = ParamSpec("Given")
Value = TypeVar("Value")


class ThreadHandler(ASGIHandler):
    """One thread answers a request, from the first middleware to the last, and is kept with its database connection.

    All middleware and views are synchronous. Django's own handler starts a thread for each request and goes to and fro
    between it and the event loop six times, which costs more than most requests themselves.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads = KeptThreads()

    def load_middleware(self, is_async: bool = False) -> None:
        """All of it, as synchronous calls."""
        super().load_middleware(is_async=False)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. What is begun is done to its end, also where the client goes away meanwhile."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            response = await self._in_thread(self._answer)(scope, body)
            try:
                await self.send_response(response, send)
            finally:
                if response.streaming:
                    await self._in_thread(response.close)()

    def _answer(self, scope: Scope, body: IO[Any]) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response = self.get_response(request) if request is not None else cast(HttpResponseBase, refusal)
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if response.streaming:
            close_old_connections()  # sending needs none
        else:
            response.close()  # here, where its connection is; what it says can be sent all the same
        return response

    def _in_thread(self, call: Callable[Given, Value]) -> Callable[Given, Coroutine[Any, Any, Value]]:
        # Any executor does, whatever the annotation says.
        return sync_to_async(call, thread_sensitive=False, executor=cast(ThreadPoolExecutor, self._threads))

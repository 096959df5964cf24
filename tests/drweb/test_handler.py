"""Requests are answered by threads that are kept."""

import threading
from pathlib import Path

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import connection
from django.http import FileResponse, HttpResponse
from django.test import override_settings
from django.urls import path

from drweb.handler import ThreadHandler
from drweb.threads import KeptThreads

PATIENCE = 10
FILE = Path(__file__)
CONTENT = FILE.read_bytes()


def test_a_free_thread_takes_the_next_call():
    threads = KeptThreads()
    first = threads.submit(threading.get_ident).result(PATIENCE)
    assert {threads.submit(threading.get_ident).result(PATIENCE) for _call in range(5)} == {first}


def test_calls_that_wait_keep_no_other_from_its_turn():
    threads, gate = KeptThreads(), threading.Event()
    waiting = [threads.submit(gate.wait, PATIENCE) for _call in range(40)]
    assert threads.submit(lambda: "answered").result(PATIENCE) == "answered"
    gate.set()
    assert all(call.result(PATIENCE) for call in waiting)


def test_what_a_call_raises_reaches_who_waits_for_it_and_the_thread_goes_on():
    threads = KeptThreads()
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(PATIENCE)
    assert threads.submit(lambda: 2).result(PATIENCE) == 2


def test_a_thread_with_nothing_to_do_ends():
    threads = KeptThreads(idle_seconds=0.05)
    thread = threads.submit(threading.current_thread).result(PATIENCE)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert threads.submit(lambda: 3).result(PATIENCE) == 3


def whole(request):
    connection.ensure_connection()
    return HttpResponse(f"{threading.get_ident()} {request.body.decode()}")


def in_parts(request):
    return FileResponse(FILE.open("rb"))


urlpatterns = [path("whole", whole), path("in-parts", in_parts)]


async def asked(application, address, body=b""):
    """Status and body of an answer."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": address,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    communicator = ApplicationCommunicator(application, scope)
    await communicator.send_input({"type": "http.request", "body": body, "more_body": False})
    start, parts = await communicator.receive_output(PATIENCE), []
    while True:
        part = await communicator.receive_output(PATIENCE)
        parts.append(part.get("body", b""))
        if not part.get("more_body"):
            return start["status"], b"".join(parts)


@pytest.fixture
def application(db):
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=["django.middleware.common.CommonMiddleware"]):
        yield ThreadHandler()


async def test_requests_one_after_the_other_are_answered_by_one_thread(application):
    answers = [await asked(application, "/whole", body) for body in (b"a", b"b", b"c")]
    assert [status for status, _body in answers] == [200, 200, 200]
    assert [body.split()[1] for _status, body in answers] == [b"a", b"b", b"c"]
    assert len({body.split()[0] for _status, body in answers}) == 1


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
async def test_a_file_is_sent_whole(application):
    assert await asked(application, "/in-parts") == (200, CONTENT)

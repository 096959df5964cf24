"""Requests larger than the upload limit are refused before Django sees them."""

import json

import pytest
from asgiref.testing import ApplicationCommunicator

from drweb.body_limit import OVERHEAD_BYTES, BodyLimit

LIMIT = 1024 * 1024 + OVERHEAD_BYTES


async def echo_length(scope, receive, send):
    """Stands for Django: reads the body, gives up when the client is gone."""
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode(), "more_body": False})


async def post(chunks, headers=()):
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/upload_image",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), *headers],
    }
    communicator = ApplicationCommunicator(BodyLimit(echo_length, max_mb=1), scope)
    for number, chunk in enumerate(chunks, start=1):
        message = {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        await communicator.send_input(message)
    start = await communicator.receive_output()
    body = await communicator.receive_output()
    return start["status"], body["body"]


def declared(length):
    return (b"content-length", str(length).encode())


async def test_a_body_at_the_limit_passes():
    status, body = await post([b"x" * LIMIT], [declared(LIMIT)])
    assert (status, body) == (200, str(LIMIT).encode())


@pytest.mark.parametrize(
    ("chunks", "headers"),
    [
        pytest.param([b"x" * LIMIT, b"y"], [declared(LIMIT + 1)], id="declared"),
        pytest.param([b"x" * (LIMIT // 2)] * 3, [], id="chunked, no length"),
        pytest.param([b"x" * LIMIT, b"y"], [declared(10)], id="lying about its length"),
    ],
)
async def test_a_larger_body_gets_a_413_that_names_the_limit(chunks, headers):
    status, body = await post(chunks, headers)
    error = json.loads(body)["error"]
    assert status == 413
    assert error["code"] == "upload_too_large"
    assert error["details"] == {"limit_mb": 1}
    assert "1 MB" in error["message"]


async def test_a_path_may_take_more():
    body = b"x" * (LIMIT + 1)
    scope = {"type": "http", "method": "POST", "path": "/large", "query_string": b"", "headers": []}
    communicator = ApplicationCommunicator(BodyLimit(echo_length, max_mb=1, larger={"/large": 2}), scope)
    await communicator.send_input({"type": "http.request", "body": body, "more_body": False})
    assert (await communicator.receive_output())["status"] == 200
    assert (await communicator.receive_output())["body"] == str(len(body)).encode()

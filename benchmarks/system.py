"""What benchmarks of the whole system share: starting one, a client that holds its connection, percentiles."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
LOGIN, PASSWORD = "reader", "a-password-for-benchmarks"
START_SECONDS = 300
KEEP_ALIVE_SECONDS = 3.0  # the server closes idle connections after five


@dataclass
class System:
    """A started drweb, a token of one of its readers, and the process that runs it, where it is one of ours."""

    url: str
    token: str
    process: int | None = None


@contextmanager
def started(workers: int = 1, **settings: str) -> Iterator[System]:
    """The product as `make run` starts it, in a new data directory, with the environment of this process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="drweb-load-") as folder:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "drweb.settings",
            "DRWEB_CACHE_DIR": os.environ.get("DRWEB_CACHE_DIR", str(REPOSITORY / "var" / "cache")),
            "DRWEB_DATA_DIR": folder,
            "DRWEB_DEMO_PASSWORD": PASSWORD,
            "DRWEB_LOG_LEVEL": "WARNING",
            "DRWEB_THROTTLE_USER": "1000000/min",  # one token stands for all users
            "DRWEB_WORKERS": str(workers),
            "PORT": str(port),
            **settings,
        }

        def manage(*command: str) -> list[str]:
            return [sys.executable, str(REPOSITORY / "manage.py"), *command]

        process = subprocess.Popen(manage("run"), env=environment, stdout=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, workers)
            made = subprocess.run(manage("create_token", LOGIN), env=environment, check=True, capture_output=True)
            yield System(url, made.stdout.decode().strip(), process.pid)
        finally:
            process.terminate()
            process.wait()


def _wait_until_ready(url: str, workers: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    client = Client(url)
    while time.monotonic() < deadline:
        try:
            checks = client.call("GET", "/readyz").json["checks"]
            idle = checks["queue"]["waiting"] + checks["queue"]["running"] == 0  # the sample photograph is done
            if idle and checks["workers"]["with_network"] >= workers:
                return
        except (OSError, KeyError, http.client.HTTPException):
            client = Client(url)
        time.sleep(0.5)
    raise SystemExit(f"{url} did not become ready within {START_SECONDS} s")


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.content)


@dataclass
class Client:
    """One user's connection, kept open between requests that follow each other soon."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
        self._used = time.monotonic()

    def call(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Answer:
        headers = {**self.headers, **({"Content-Type": content_type} if content_type else {})}
        if time.monotonic() - self._used > KEEP_ALIVE_SECONDS:
            self._connection.close()
        self._connection.request(method, urlsplit(path).path, body, headers)
        response = self._connection.getresponse()
        answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        self._used = time.monotonic()
        return answer

    def post(self, path: str, **data: object) -> Answer:
        return self.call("POST", path, json.dumps(data).encode(), "application/json")

    def send(self, path: str, content: bytes, name: str, **fields: object) -> Answer:
        """A file and other fields as a multipart form."""
        boundary = uuid.uuid4().hex
        disposition = f'--{boundary}\r\nContent-Disposition: form-data; name="'
        parts = [f'{disposition}{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields.items()]
        parts += [
            f'{disposition}image"; filename="{name}"\r\n\r\n'.encode(),
            content,
            f"\r\n--{boundary}--\r\n".encode(),
        ]
        return self.call("POST", path, b"".join(parts), f"multipart/form-data; boundary={boundary}")


def percentiles(seconds: Sequence[float]) -> str:
    """p50, p95, p99 and the largest, for a table."""
    if not seconds:
        return f"{'-':>8} {'-':>8} {'-':>8} {'-':>8}"
    p50, p95, p99 = np.percentile(seconds, (50, 95, 99))
    return f"{p50:8.3f} {p95:8.3f} {p99:8.3f} {max(seconds):8.3f}"


def sample_photograph() -> bytes:
    """scikit-image's retina as a JPEG."""
    from skimage import data

    return (Path(data.__file__).parent / "retina.jpg").read_bytes()

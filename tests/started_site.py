"""The parts of a system as processes of their own, which tests stop, kill and start again, and a client of its API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.factories import fundus_jpeg
from tests.running_system import REPOSITORY
from tests.services import free_port
from tests.tiny_weights import write_tiny_models

PREPARE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from cases.choices import Role
from cases.services.api_token import api_token_create
from tests.factories import MembershipFactory
from django.test import Client
reader = MembershipFactory(role=Role.READER).user
client = Client()
client.force_login(reader)
print(client.cookies["sessionid"].value, api_token_create(user=reader)[1])
"""
LONGEST_WAIT = 300.0
QUICK = {
    "DRWEB_ENGINE": "openvino-f32",  # starts without torch once the networks are converted
    "DRWEB_DEFAULT_MODEL": "unet",
    "DRWEB_LEASE_SECONDS": "4",
    "DRWEB_RETRY_SECONDS": "0.2",
    "OMP_NUM_THREADS": "1",
}


def tiny_networks(folder: Path, *models: str) -> dict[str, str]:
    """The environment of a site with these networks and a grader, converted once, so that no worker has to."""
    weights = write_tiny_models(folder / "weights", (*models, "grader"))
    where = {"DRWEB_WEIGHTS_DIR": str(weights), "DRWEB_CACHE_DIR": str(folder / "cache")}
    convert = "import sys; from inference.analysis import warm_up; [warm_up(model) for model in sys.argv[1:]]"
    command = [sys.executable, "-c", convert, *models]
    subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **QUICK, **where}, check=True)
    return where


@dataclass
class Answer:
    status: int
    headers: Message  # whatever the case of their names
    content: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.content)


@dataclass
class Site:
    """One installation: an environment, and the processes that tests start in it."""

    folder: Path
    environment: dict[str, str]
    token: str = ""
    session: str = ""  # the reader's, for a browser
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def prepare(self) -> Site:
        """Make the database, a clinic, a reader with token and session."""
        command = [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", PREPARE]
        done = subprocess.run(command, cwd=REPOSITORY, env=self._env({}), check=True, capture_output=True, text=True)
        self.session, self.token = done.stdout.split()[-2:]
        return self

    def start(self, *command: object, **environment: str) -> subprocess.Popen[bytes]:
        """Start a program of the project; its output goes to a file that `log` reads."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *map(str, command)],
                cwd=REPOSITORY, env=self._env(environment), stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(self, *options: object, **environment: str) -> subprocess.Popen[bytes]:
        return self.start("manage.py", "worker", *options, **environment)

    def celery(self, queue: str = "cpu", **environment: str) -> subprocess.Popen[bytes]:
        return self.start("-m", "celery", "-A", "drweb", "worker", "-Q", queue, **environment)

    def web(self, port: int | None = None) -> Web:
        """Start a web server and wait until it answers."""
        port = port or free_port()
        command = ["-m", "uvicorn", "drweb.asgi:application", "--port", port, "--lifespan", "off"]
        web = Web(self, port, self.start(*command, "--log-level", "warning"))
        self.until(lambda: web.get("/healthz").status == 200)
        return web

    def until(self, condition: Callable[[], object]) -> None:
        """Wait; fails with the log where it never holds. Generous: a busy machine starts processes slowly."""
        deadline = time.monotonic() + LONGEST_WAIT
        while not condition():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.2)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-8000:]

    def stop(self) -> None:
        for process in self.processes:
            kill(process)

    def _env(self, more: dict[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DRWEB_", "DJANGO_"))}
        settings = {"DRWEB_DATA_DIR": str(self.folder / "data"), "DJANGO_SETTINGS_MODULE": "drweb.settings"}
        return {**inherited, **settings, **QUICK, **self.environment, **more}


@dataclass
class Web:
    """A started web server, and its API as the reader sees it."""

    site: Site
    port: int
    process: subprocess.Popen[bytes]

    def call(self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json") -> Answer:
        """Status 0: no answer."""
        headers = {"Authorization": f"Token {self.site.token}", "Content-Type": content_type}
        url = path if path.startswith("http") else f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - our own server
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())
        except (OSError, urllib.error.URLError):
            return Answer(0, {}, b"")

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, **data: object) -> Answer:
        return self.call("POST", path, json.dumps(data).encode())

    def send(self, path: str, content: bytes, name: str = "eye.jpg", **fields: object) -> Answer:
        body = encode_multipart(BOUNDARY, {"image": SimpleUploadedFile(name, content), **fields})
        return self.call("POST", path, body, MULTIPART_CONTENT)

    def upload(self) -> int:
        """Store a photograph; returns its id."""
        answer = self.send("/api/upload_image", fundus_jpeg())
        assert answer.status == 200, answer.content
        return answer.json["image_id"]

    def ask(self, image_id: int | None = None, model: str = "unet") -> int:
        """Ask for an analysis (of a new photograph); returns its id."""
        image_id = image_id or self.upload()
        answer = self.post("/api/choose_model", selectedModel=model, image_id=image_id, wait=False)
        assert answer.status == 202, answer.content
        return answer.json["prediction_id"]

    def prediction(self, prediction_id: int) -> dict[str, Any]:
        answer = self.get(f"/api/predictions/{prediction_id}")
        return answer.json if answer.status == 200 else {"state": answer.status}

    def until_state(self, prediction_id: int, *states: str) -> dict[str, Any]:
        """Wait until the analysis is in one of the states."""
        self.site.until(lambda: self.prediction(prediction_id)["state"] in states)
        return self.prediction(prediction_id)


def kill(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> int:
    """End a process and all it started; its exit status."""
    if process.poll() is None:
        os.killpg(process.pid, number)
    return process.wait(timeout=60)

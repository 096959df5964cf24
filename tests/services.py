"""Real PostgreSQL, Redis, RabbitMQ and S3 for tests: private ports, temporary folders, gone afterwards.

As a program it runs a command on PostgreSQL: ``python -m tests.services pytest tests/cases``.
"""

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Self

import boto3


class ServiceMissing(Exception):
    """The program is not installed; the message names it."""


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PostgreSQL(AbstractContextManager["PostgreSQL"]):
    """A server that can be stopped and started again with its data; `url` is a ``DRWEB_DATABASE_URL``."""

    def __init__(self) -> None:
        self._programs = _postgresql_programs()
        # The server refuses to run as root; Debian's package made a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._port = free_port()
        self.url = f"postgres://drweb@127.0.0.1:{self._port}/drweb"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = stack.enter_context(_folder(owner=self._user))
            options = ["-U", "drweb", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
            self._run("initdb", "-D", self._folder / "data", *options)
            self.start()
            stack.callback(self.stop)
            self._run("createdb", "-h", "127.0.0.1", "-p", self._port, "-U", "drweb", "drweb")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._control("-l", self._folder / "log", "-o", options, "start")

    def stop(self) -> None:
        """At once, as a crash would."""
        self._control("-m", "immediate", "stop")

    def _control(self, *arguments: object) -> None:
        self._run("pg_ctl", "-D", self._folder / "data", "-w", *arguments)

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        subprocess.run(command, user=self._user, stdout=subprocess.DEVNULL, check=True, cwd=self._folder)


class Redis(AbstractContextManager["Redis"]):
    """A server that can be stopped and started again, empty; `url` is a ``DRWEB_BROKER_URL``."""

    def __init__(self) -> None:
        self._program = _found("redis-server")
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir", tempfile.gettempdir()]
        self._server = subprocess.Popen([self._program, *options], stdout=subprocess.DEVNULL)
        _wait_for(self._port)

    def stop(self) -> None:
        self._server.kill()
        self._server.wait()


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL server; yields a ``DRWEB_DATABASE_URL``."""
    with PostgreSQL() as server:
        yield server.url


@contextmanager
def redis() -> Iterator[str]:
    """Start a Redis server; yields a URL for ``DRWEB_BROKER_URL`` and ``DRWEB_CHANNEL_URL``."""
    with Redis() as server:
        yield server.url


@contextmanager
def rabbitmq() -> Iterator[str]:
    """Start a RabbitMQ server; yields a ``DRWEB_BROKER_URL``."""
    program, owner = _found("rabbitmq-server"), "rabbitmq" if os.geteuid() == 0 else None
    port, peers = free_port(), free_port()
    with _folder(owner) as folder:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),  # of Erlang's cookie
            "RABBITMQ_NODENAME": f"drweb-{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(peers),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        }
        server = subprocess.Popen(
            [program], user=owner, env=environment, cwd=folder, process_group=0,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait_for(port, 120)
            yield f"amqp://guest:guest@127.0.0.1:{port}//"
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@contextmanager
def s3(bucket: str = "drweb") -> Iterator[dict[str, str]]:
    """Start a server of the S3 protocol (moto) with an empty bucket; yields the environment that leads there."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _wait_for(port)
        session = boto3.Session(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1")
        session.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
        yield {"DRWEB_STORAGE_URL": f"s3://{bucket}?endpoint_url={endpoint}&region_name=us-east-1", **keys}
    finally:
        server.terminate()
        server.wait()


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise ServiceMissing(f"needs {program}")
    return path


def _postgresql_programs() -> Path:
    found = [Path(path).parent for path in [shutil.which("initdb")] if path]
    found += [path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    if not found:
        raise ServiceMissing("needs PostgreSQL's server programs")
    return found[-1]


@contextmanager
def _folder(owner: str | None = None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="drweb-service-"))
    if owner and owner != getpass.getuser():
        os.chown(folder, pwd.getpwnam(owner).pw_uid, -1)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    with postgresql() as database_url:
        environment = {**os.environ, "DRWEB_DATABASE_URL": database_url}
        sys.exit(subprocess.run(sys.argv[1:], env=environment, check=False).returncode)

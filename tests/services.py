"""Real PostgreSQL and Redis for tests: private ports, temporary folders, gone afterwards.

As a program it runs a command on PostgreSQL: ``python -m tests.services pytest tests/cases``.
"""

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ServiceMissing(Exception):
    """The program is not installed; the message names it."""


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL server; yields a ``DRWEB_DATABASE_URL``."""
    programs = _postgresql_programs()
    # The server refuses to run as root; Debian's package made a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    with _folder(owner=user) as folder:
        data, port = folder / "data", free_port()

        def run(*command: object) -> None:
            subprocess.run(list(map(str, command)), user=user, stdout=subprocess.DEVNULL, check=True, cwd=folder)

        run(programs / "initdb", "-D", data, "-U", "drweb", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = [programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w"]
        run(*control, "-o", options, "start")
        try:
            run(programs / "createdb", "-h", "127.0.0.1", "-p", port, "-U", "drweb", "drweb")
            yield f"postgres://drweb@127.0.0.1:{port}/drweb"
        finally:
            run(*control, "-m", "immediate", "stop")


@contextmanager
def redis() -> Iterator[str]:
    """Start a Redis server; yields a URL for ``DRWEB_BROKER_URL`` and ``DRWEB_CHANNEL_URL``."""
    program = shutil.which("redis-server")
    if program is None:
        raise ServiceMissing("needs redis-server")
    with _folder() as folder:
        port = free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait()


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

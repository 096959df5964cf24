"""`manage.py run`: the whole system on one machine, web server and worker, ready to use."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import socket
import sys
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from cases.choices import Processor
from cases.errors import ApplicationError
from cases.management.supervision import Child, supervise
from cases.services.demo import demo_create

FIRST_ANSWER_SECONDS = 60
SLOWEST_END_SECONDS = 10  # that a worker takes to end after it has handed back its photographs
DATABASE_SECONDS = 2  # between attempts to reach it


class Command(BaseCommand):
    help = "Prepare database, translations and static files, then run web server and worker until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=os.environ.get("PORT", "8000"), help="PORT, default 8000")
        parser.add_argument(
            "--bind", default=os.environ.get("DRWEB_BIND", "127.0.0.1"), help="DRWEB_BIND, default 127.0.0.1"
        )
        parser.add_argument(
            "--workers",
            type=int,
            default=os.environ.get("DRWEB_WORKERS", "1"),
            help="DRWEB_WORKERS, default 1; several share the processors between them, 0 where workers run elsewhere",
        )

    def handle(self, *, port: int, bind: str, workers: int, **options: Any) -> None:
        _refuse_taken_port(bind, port)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: stop.set())
        if not self._database_answers(stop):
            return
        call_command("migrate", interactive=False, verbosity=0)
        call_command("compile_translations")
        _collect_static()
        logins = _demo_logins()
        os.environ["DRWEB_WORKERS"] = str(workers)  # each takes its share of the processors
        children = [Child("web server", _web_command(bind, port))]
        children += [Child(f"worker {number}", _worker_command()) for number in range(1, workers + 1)]

        threading.Thread(target=self._announce, args=(bind, port, logins, stop), daemon=True).start()
        patience = settings.DRWEB_SHUTDOWN_SECONDS + SLOWEST_END_SECONDS
        supervise(children, stopping=stop.is_set, patience=patience)
        self.stdout.write("drweb has stopped.")

    def _database_answers(self, stop: threading.Event) -> bool:
        """Wait for a database that starts later than we do; False where we were stopped meanwhile."""
        while not stop.is_set():
            try:
                connection.ensure_connection()
            except OperationalError as error:
                self.stderr.write(f"Waiting for the database: {str(error).strip()}")
                stop.wait(DATABASE_SECONDS)
            else:
                return True
        return False

    def _announce(self, bind: str, port: int, logins: dict[str, str], stop: threading.Event) -> None:
        """Print the address once it answers, so that whoever opens it sees a page."""
        host = _reachable(bind)
        deadline = time.monotonic() + FIRST_ANSWER_SECONDS
        while not _answers(host, port):
            if stop.wait(0.2):
                return
            if time.monotonic() > deadline:
                self.stderr.write(f"The web server has not answered for {FIRST_ANSWER_SECONDS} s; see its log above.")
                return
        shown = f"[{host}]" if ":" in host else host
        self.stdout.write(f"\ndrweb is running at http://{shown}:{port}/  (Ctrl-C stops it)")
        if logins:
            self.stdout.write("Demo logins:")
            for username, password in logins.items():
                self.stdout.write(f"  {username:<12} {password}")
        if _logins_file().exists():
            self.stdout.write(f"Demo logins are kept in {_logins_file()}; delete that file once they are changed.")
        self.stdout.flush()


def _refuse_taken_port(bind: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Cannot listen on {bind}:{port} ({error}). Is drweb running already? Stop the other program, "
                f"or choose another port: PORT={port + 1} make run"
            ) from error


def _collect_static() -> None:
    """Collect static files where one changed: hashing and compressing all of them takes seconds."""
    files = [
        (path, storage.size(path), storage.get_modified_time(path).timestamp())
        for finder in get_finders()
        for path, storage in finder.list([])
    ]
    state = hashlib.sha256(repr(sorted(files)).encode()).hexdigest()
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if not stamp.exists() or stamp.read_text(encoding="ascii") != state:
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(state, encoding="ascii")


def _demo_logins() -> dict[str, str]:
    """Make the demo clinic in an empty database; return and keep the passwords made now."""
    if not settings.DRWEB_DEMO:
        return {}
    try:
        logins = demo_create(password=settings.DRWEB_DEMO_PASSWORD)
    except ApplicationError as error:
        raise CommandError(f"Cannot make the demo clinic (DRWEB_DEMO=false starts without it): {error}") from error
    if logins:
        descriptor = os.open(_logins_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{username} {password}\n" for username, password in logins.items())
    return logins


def _logins_file() -> Path:
    return Path(settings.DRWEB_DATA_DIR) / "demo_logins.txt"


def _web_command(bind: str, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", "drweb.asgi:application"),
        *("--host", bind, "--port", str(port)),
        *("--lifespan", "off", "--timeout-graceful-shutdown", "10", "--no-server-header"),
        *("--log-level", "warning"),
    ]


def _worker_command() -> list[str]:
    if settings.DRWEB_BROKER_URL:
        return [sys.executable, "-m", "celery", "-A", "drweb", "worker", "-Q", ",".join(Processor.values)]
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"]


def _reachable(bind: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 - compared, not bound


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("HEAD", "/")
        connection.getresponse()
    except OSError:
        return False
    finally:
        connection.close()
    return True

"""The product as its users start it: ``manage.py run`` in a data directory of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import free_port

REPOSITORY = Path(__file__).resolve().parent.parent
PASSWORD = "a-password-for-tests"


@dataclass
class RunningSystem:
    """A started drweb: web server and worker. All demo logins have ``password``."""

    url: str
    port: int
    data_dir: Path
    process: subprocess.Popen[str]
    password: str = PASSWORD
    output: list[str] = field(default_factory=list)

    def stop(self, seconds: float = 60) -> int:
        """Stop as a service manager would; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=seconds)


@contextmanager
def running_system(data_dir: Path, **environment: str) -> Iterator[RunningSystem]:
    """Start drweb on a free port, wait until it says that it is ready, stop it at the end."""
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DRWEB_", "DJANGO_"))}
    settings = {
        "DRWEB_DATA_DIR": str(data_dir),
        "DRWEB_DEMO_PASSWORD": PASSWORD,
        "PORT": str(port),
        "DRWEB_DEFAULT_MODEL": "unet",
        **environment,
    }
    process = subprocess.Popen(
        [sys.executable, REPOSITORY / "manage.py", "run"],
        env={**inherited, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    system = RunningSystem(f"http://127.0.0.1:{port}", port, data_dir, process)
    reader = threading.Thread(target=lambda: system.output.extend(process.stdout or ()), daemon=True)
    reader.start()
    try:
        until(lambda: _ready(system) or process.poll() is not None)
        if not _ready(system):
            system.stop()
            reader.join(timeout=5)
            raise AssertionError("drweb did not start:\n" + "".join(system.output))
        yield system
    finally:
        system.stop()
        reader.join(timeout=5)


def until(condition: Callable[[], bool], seconds: float = 300) -> bool:
    """Wait until ``condition()`` holds; False if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _ready(system: RunningSystem) -> bool:
    return any("drweb is running at" in line for line in list(system.output))

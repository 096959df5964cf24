"""Keeps child processes alive: the web server and the worker that ``manage.py run`` starts."""

import logging
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

FIRST_DELAY = 1.0  # seconds before the first restart; doubles with each death in a row
LONGEST_DELAY = 60.0
HEALTHY_AFTER = 60.0  # a child that lived this many seconds starts with a short delay again
LOOK_EVERY = 0.2


@dataclass
class Child:
    """A command that is started again, more and more slowly, whenever it dies."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    delay: float = FIRST_DELAY
    started_at: float = 0.0
    next_start: float = field(default=0.0)

    def look_after(self) -> None:
        """Start the child if it is due; notice its death."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.next_start:
                # Its own session: Ctrl-C in the terminal reaches us alone, and we stop the children in order.
                self.process = subprocess.Popen(self.command, start_new_session=True)
                self.started_at = now
        elif (status := self.process.poll()) is not None:
            if now - self.started_at > HEALTHY_AFTER:
                self.delay = FIRST_DELAY
            logger.error("%s ended with status %s; starting it again in %.0f s", self.name, status, self.delay)
            self.process = None
            self.next_start = now + self.delay
            self.delay = min(2 * self.delay, LONGEST_DELAY)

    def stop(self, *, deadline: float) -> None:
        """Wait until ``deadline`` (monotonic seconds) for a child that was asked to stop, then kill it."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.error("%s did not stop in time and is killed", self.name)
            self.process.kill()
            self.process.wait()
        self.process = None


def supervise(children: Sequence[Child], *, stopping: Callable[[], bool], patience: float = 30.0) -> None:
    """Run ``children`` until ``stopping()``, then ask all to stop and give them ``patience`` seconds together."""
    try:
        while not stopping():
            for child in children:
                child.look_after()
            time.sleep(LOOK_EVERY)
    finally:
        for child in children:
            if child.process is not None:
                child.process.terminate()
        deadline = time.monotonic() + patience
        for child in children:
            child.stop(deadline=deadline)

"""A worker to which something happens in a stage: ``python -m tests.survival.worker_in_trouble STAGE TROUBLE FOLDER``.

It says where it is by the file ``FOLDER/STAGE`` and then, by TROUBLE: ``hangs`` for ever; ``waits`` until the file
``FOLDER/go`` is there; finds its ``memory`` used up; or finds the ``disk`` full.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import django
from django.core.management import execute_from_command_line

CLAIMED = "claimed"  # before the first stage


def use_up_memory() -> None:
    """From here on, this process gets no more than it has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def fill_disk() -> None:
    """From here on, files longer than a few bytes cannot be written: EFBIG comes from the same place as ENOSPC."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))


def main(stage: str, trouble: str, folder: Path) -> None:
    django.setup()
    from cases.services.watch import Watch

    def happen(name: str) -> None:
        if name != stage:
            return
        (folder / stage).touch()
        if trouble == "memory":
            use_up_memory()
        elif trouble == "disk":
            fill_disk()
        while trouble == "hangs" or (trouble == "waits" and not (folder / "go").exists()):
            time.sleep(0.05)

    enter, begin = Watch.__enter__, Watch.stage

    def entered(watch: Watch) -> Watch:
        enter(watch)
        happen(CLAIMED)
        return watch

    def begun(watch: Watch, name: str) -> None:
        begin(watch, name)
        happen(name)

    Watch.__enter__, Watch.stage = entered, begun  # type: ignore[method-assign]
    execute_from_command_line(["manage.py", "worker"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))

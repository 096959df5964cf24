"""Processor seconds of a started system by part, read from /proc: they stay true where other programs run beside it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# What stands in the command line of a part's processes; all others only start and watch these.
_PARTS = {"web": "uvicorn", "workers": " worker"}


def processor_seconds(root: int | None) -> dict[str, float]:
    """Seconds used so far by the parts of a system (`root` and its descendants), and by this process as clients."""
    used = dict.fromkeys((*_PARTS, "others"), 0.0) | {"clients": time.process_time()}
    for process in _family([] if root is None else [root]):
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        part = next((part for part, word in _PARTS.items() if word in command), "others")
        user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
        used[part] += (int(user) + int(system)) / _TICKS
    return used


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What each part used between two readings."""
    return {part: after[part] - before[part] for part in before}


def _family(pids: Iterable[int]) -> Iterator[Path]:
    for pid in pids:
        process = Path(f"/proc/{pid}")
        yield process
        for thread in (process / "task").iterdir():
            yield from _family(map(int, (thread / "children").read_text().split()))

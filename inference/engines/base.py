"""What every engine offers, and what all of them need to know about the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.registry import data_folder

FloatArray = NDArray[np.float32]


class Engine(Protocol):
    """A network, loaded and ready. `run` may be called from several threads."""

    name: str
    """As in the setting DRWEB_ENGINE: "openvino-bf16", "pytorch" ..."""

    def run(self, batch: FloatArray) -> FloatArray:
        """Normalised pixels, 1 x 3 x S x S, to logits: 1 x C x S x S (segmentation) or 1 x C (grading)."""
        ...

    def release(self) -> None:
        """Give back the memory between layers, which is most of what a network takes; the next run takes it anew."""
        ...


class EngineUnavailable(Exception):
    """This engine cannot run this network on this machine; another one may."""


class EngineSlower(EngineUnavailable):
    """It could, but the next one takes less time."""


def thread_count() -> int | None:
    """How many threads a network may use; None leaves it to the library (all cores).

    DRWEB_THREADS, or else this process's share of the cores where DRWEB_WORKERS says that several share the machine.
    """
    if told := int(os.environ.get("DRWEB_THREADS") or 0):
        return told
    workers = int(os.environ.get("DRWEB_WORKERS") or 1)
    return max(1, core_count() // workers) if workers > 1 else None


def is_faster(candidate: Callable[[], object], reference: Callable[[], object], rounds: int = 7) -> bool:
    """Whether `candidate` takes less time than `reference`: they run in turns, and the best time of each counts."""

    def seconds(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    taken = [(seconds(candidate), seconds(reference)) for _ in range(rounds)]
    return min(first for first, _ in taken) < min(second for _, second in taken)


def limit_opencv() -> None:
    """Hold what is done around the networks to the same number of threads."""
    if threads := thread_count():
        cv2.setNumThreads(threads)


def core_count() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cache_folder() -> Path:
    """DRWEB_CACHE_DIR, else `cache` in DRWEB_DATA_DIR (`var`): what is in it can be made anew at any time."""
    return Path(os.environ.get("DRWEB_CACHE_DIR") or data_folder() / "cache")

"""What every engine offers, and what all of them need to know about the machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

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


class EngineUnavailable(Exception):
    """This engine cannot run this network on this machine; another one may."""


def thread_count() -> int | None:
    """DRWEB_THREADS: how many threads a network may use; unset or 0 leaves it to the library (all cores)."""
    return int(os.environ.get("DRWEB_THREADS") or 0) or None


def cache_folder() -> Path:
    """DRWEB_CACHE_DIR, else `cache` in DRWEB_DATA_DIR (`var`): what is in it can be made anew at any time."""
    return Path(os.environ.get("DRWEB_CACHE_DIR") or data_folder() / "cache")

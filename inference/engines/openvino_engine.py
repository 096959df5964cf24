"""OpenVINO on the CPU: two to four times as fast as eager PyTorch, and a worker that never loads torch.

The network is converted once and kept in the cache folder, under a key made of all that shaped it. Conversion and a
trial run happen in a child process (see `prepare`): some OpenVINO releases die of SIGFPE while compiling on some AMD
EPYC machines, and that must cost the child and not the worker.
"""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import openvino

from inference.engines.base import EngineUnavailable, FloatArray, cache_folder, thread_count
from inference.registry import InstalledModel, verify_weights

logger = logging.getLogger(__name__)

PRECISIONS = {"openvino-bf16": "bf16", "openvino-f32": "f32"}
PREPARE_SECONDS = 900
NETWORK_FILE = "network.xml"


class OpenVINOEngine:
    """A network compiled for this CPU, input shape fixed, number format pinned."""

    def __init__(self, model: InstalledModel, name: str) -> None:
        self.name = name
        precision = PRECISIONS[name]
        if precision == "bf16" and not cpu_has_bf16():
            raise EngineUnavailable("this CPU does not compute in bfloat16")
        verify_weights(model)
        folder = prepared_folder(model, precision)
        self._compiled = compile_network(folder / NETWORK_FILE, precision)
        self._lock = threading.Lock()

    def run(self, batch: FloatArray) -> FloatArray:
        """See Engine."""
        with self._lock:  # one request, so that its memory is there once
            result: FloatArray = self._compiled(batch)[0]
        return result


def cpu_has_bf16() -> bool:
    """Whether OpenVINO computes in bfloat16 natively here (AVX512-BF16 or AMX)."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def compile_network(path: Path, precision: str) -> Any:
    """Compile for this CPU. The number format is pinned: left alone, OpenVINO picks one by itself."""
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        # Several workers on one machine would all be pinned to the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    if threads := thread_count():
        options["INFERENCE_NUM_THREADS"] = threads
    return openvino.Core().compile_model(path, "CPU", options)


def prepared_folder(model: InstalledModel, precision: str) -> Path:
    """The folder with the converted network, after a trial run on this machine; made by a child process if need be.

    Raises EngineUnavailable where the child fails or dies.
    """
    folder = cache_folder() / "openvino" / f"{model.name}-{_cache_key(model)}"
    if (folder / trial_marker(precision)).exists():
        return folder
    logger.info("preparing network %s for OpenVINO (once for these weights on this machine)", model.name)
    command = [sys.executable, "-m", "inference.engines.prepare", str(model.folder), str(folder), precision]
    repository = Path(__file__).resolve().parents[2]
    try:
        child = subprocess.run(
            command, cwd=repository, capture_output=True, text=True, timeout=PREPARE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(f"preparation took more than {PREPARE_SECONDS} s") from error
    if child.returncode != 0:
        last_line = (child.stderr.strip().splitlines() or ["no output"])[-1]
        raise EngineUnavailable(f"trial run ended with status {child.returncode}: {last_line}")
    return folder


def trial_marker(precision: str) -> str:
    """The name of the file that says that this CPU has run the network in this number format."""
    cpu = openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    return f"runs-{precision}-{hashlib.sha256(cpu.encode()).hexdigest()[:8]}"


def _cache_key(model: InstalledModel) -> str:
    shaped_by = {
        "weights": model.card.sha256,
        "network": asdict(model.card.network),
        "input_size": model.card.input_size,
        "openvino": openvino.__version__,
    }
    return hashlib.sha256(json.dumps(shaped_by, sort_keys=True).encode()).hexdigest()[:16]

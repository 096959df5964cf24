"""OpenVINO on the CPU: two to four times as fast as eager PyTorch, and a worker that never loads torch.

The network is converted and compiled once, and kept in the cache folder under a key made of all that shaped it. That
and a trial run happen in a child process (see `prepare`): some OpenVINO releases die of SIGFPE while compiling on some
AMD EPYC machines, and that must cost the child and not the worker.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from openvino import opset13

from inference.engines.base import EngineUnavailable, FloatArray, cache_folder, is_faster, thread_count
from inference.engines.ranges import ranges_sha256, read_ranges
from inference.registry import InstalledModel, verify_weights

logger = logging.getLogger(__name__)

PRECISIONS = {"openvino-int8": "int8", "openvino-bf16": "bf16", "openvino-f32": "f32"}
PREPARE_SECONDS = 900
DIGEST_BYTES: Final = 32
"""A kept network ends in the SHA-256 of what is before it."""


class OpenVINOEngine:
    """A network compiled for this CPU, input shape fixed, number format pinned."""

    def __init__(self, model: InstalledModel, name: str) -> None:
        self.name = name
        precision = PRECISIONS[name]
        if precision == "bf16" and not cpu_has_bf16():
            raise EngineUnavailable("this CPU does not compute in bfloat16")
        if precision == "int8":
            if not cpu_has_vnni():
                raise EngineUnavailable("this CPU has no instructions for sums of 8-bit products (VNNI)")
            read_ranges(model)
        verify_weights(model)
        self._file = prepared(model, precision)
        self._compiled = import_network(network_in(self._file), precision, shared=True)
        # The plugin has arranged the weights anew; what it still wants of the file is read again when it is wanted.
        self._file.madvise(mmap.MADV_DONTNEED)
        self._lock = threading.Lock()

    def run(self, batch: FloatArray) -> FloatArray:
        """See Engine."""
        with self._lock:  # one request, so that its memory is there once
            result: FloatArray = self._compiled(batch)[0]
        return result

    def release(self) -> None:
        """See Engine. One that is running keeps its memory."""
        if self._lock.acquire(blocking=False):
            try:
                self._compiled.release_memory()
            finally:
                self._lock.release()


def cpu_has_bf16() -> bool:
    """Whether OpenVINO computes in bfloat16 natively here (AVX512-BF16 or AMX)."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@cache
def cpu_has_vnni() -> bool:
    """Whether products of 8 bits are summed in 32: without these instructions sums overflow in 16, or are slow."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False
    return not {"avx512_vnni", "avx_vnni"}.isdisjoint(flags)


@cache
def bf16_pays() -> bool:
    """Whether convolutions take less time in bfloat16 than in float32 here: tried, a fraction of a second long.

    The instructions alone do not tell: AVX512-BF16 doubles the rate on Zen 4, and halves it on Xeons that are not let
    use AMX.
    """
    if not cpu_has_bf16():
        return False
    pixels = features = opset13.parameter([1, 64, 96, 96], np.float32)
    for seed in range(3):
        weights = np.random.default_rng(seed).normal(0, 0.05, (64, 64, 3, 3)).astype(np.float32)
        features = opset13.convolution(features, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    network = openvino.Model([features], [pixels])
    batch = np.ones((1, 64, 96, 96), np.float32)
    runs = {name: openvino.Core().compile_model(network, "CPU", compile_options(name)) for name in ("bf16", "f32")}
    return is_faster(lambda: runs["bf16"](batch), lambda: runs["f32"](batch))


def compile_options(precision: str) -> dict[str, Any]:
    """For this CPU. The number format is pinned: left alone, OpenVINO picks one by itself."""
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        # In int8 the network says which values are rounded: all others stay as they are.
        "INFERENCE_PRECISION_HINT": "f32" if precision == "int8" else precision,
        # Several workers on one machine would all be pinned to the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    if threads := thread_count():
        options["INFERENCE_NUM_THREADS"] = threads
    return options


def import_network(content: NDArray[np.uint8], precision: str, *, shared: bool = False) -> Any:
    """A compiled network from the bytes that `openvino.CompiledModel.export_model` wrote.

    It goes on reading them. With `shared` they are not copied first: they must be writable, stay and not change.
    """
    tensor = openvino.Tensor(content, shared_memory=shared)
    return openvino.Core().import_model(tensor, "CPU", compile_options(precision))


def prepared(model: InstalledModel, precision: str) -> mmap.mmap:
    """The network as compiled for this machine, from the cache; made by a child process where it is missing or damaged.

    The file is mapped, digest and all: its pages are the system's, which shares them between workers.
    Of several workers that start together one makes it, and the others wait. Raises EngineUnavailable where the
    child fails or dies.
    """
    file = prepared_file(model, precision)
    content = _intact(file)
    if content is None:
        with _alone(file):
            content = _intact(file)
            if content is None:
                _prepare(model, file, precision)
                content = _intact(file)
    if content is None:
        raise EngineUnavailable(f"{file.name} in the cache folder cannot be read back")
    return content


def network_in(content: mmap.mmap) -> NDArray[np.uint8]:
    """Without the digest."""
    return np.frombuffer(content, np.uint8)[:-DIGEST_BYTES]


def prepared_file(model: InstalledModel, precision: str) -> Path:
    """Where the compiled network is kept: under another name for other weights, ranges, OpenVINO or CPU."""
    shaped_by: dict[str, object] = {
        "weights": model.card.sha256,
        "network": asdict(model.card.network),
        "input_size": model.card.input_size,
        "openvino": openvino.__version__,
        "cpu": openvino.Core().get_property("CPU", "FULL_DEVICE_NAME"),
    }
    if precision == "int8":
        shaped_by["ranges"] = ranges_sha256(model)
    key = hashlib.sha256(json.dumps(shaped_by, sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder() / "openvino" / f"{model.name}-{key}-{precision}.blob"


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """No other process makes `file` meanwhile; the lock of one that dies is free."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(file.with_suffix(".lock"), timeout=PREPARE_SECONDS):
            yield
    except Timeout as error:
        raise EngineUnavailable(f"another process has been preparing it for more than {PREPARE_SECONDS} s") from error


def _intact(file: Path) -> mmap.mmap | None:
    """What is kept in `file`, with its digest; None where there is nothing, or it is damaged."""
    if not file.is_file():
        return None
    if file.stat().st_size > DIGEST_BYTES:  # an empty file cannot be mapped
        with file.open("rb") as opened:
            content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
        if hashlib.sha256(network_in(content).data).digest() == content[-DIGEST_BYTES:]:
            return content
    logger.warning("%s is damaged: it is made anew", file)
    return None


def _prepare(model: InstalledModel, file: Path, precision: str) -> None:
    logger.info("preparing network %s for OpenVINO (once for these weights on this machine)", model.name)
    command = [sys.executable, "-m", "inference.engines.prepare", str(model.folder), str(file), precision]
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

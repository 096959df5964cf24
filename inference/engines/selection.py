"""Which engine runs a network: the one that DRWEB_ENGINE names, else the fastest that works on this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from inference.engines.base import Engine, EngineUnavailable
from inference.errors import ModelUnavailable, gettext_noop
from inference.registry import InstalledModel

logger = logging.getLogger(__name__)

ENGINES = ("cuda", "openvino-bf16", "openvino-f32", "pytorch-bf16", "pytorch")


def load_engine(model: InstalledModel, engine: str | None = None) -> Engine:
    """Load a network on the named engine, or on DRWEB_ENGINE, or on the first that works.

    Raises ModelUnavailable: unknown_engine, engine_unavailable, or what is wrong with the weights.
    """
    forced = engine or os.environ.get("DRWEB_ENGINE")
    if forced and forced not in ENGINES:
        raise ModelUnavailable(
            "unknown_engine",
            gettext_noop("There is no engine %(name)s: set DRWEB_ENGINE to one of %(known)s."),
            name=repr(forced[:40]),
            known=", ".join(ENGINES),
        )
    reason = "no engine works"
    for name in [forced] if forced else _candidates():
        try:
            loaded = _open(model, name)
        except EngineUnavailable as unavailable:
            reason = str(unavailable)
            logger.warning("network %s does not run on %s: %s", model.name, name, reason)
            continue
        why = "as told" if forced else "chosen for this machine"
        logger.info("network %s %s runs on %s (%s)", model.name, model.card.version, name, why)
        return loaded
    raise ModelUnavailable(
        "engine_unavailable",
        gettext_noop("The network %(name)s cannot be run here: %(reason)s."),
        name=model.name,
        reason=reason,
    )


def _candidates() -> Iterator[str]:
    # Looking for the device first spares CPU-only workers the seconds and the memory of importing torch.
    if any(Path(device).exists() for device in ("/dev/nvidia0", "/dev/dxg")):
        yield "cuda"
    if find_spec("openvino"):
        from inference.engines import openvino_engine

        if openvino_engine.cpu_has_bf16():
            yield "openvino-bf16"
        yield "openvino-f32"
    from inference.engines import pytorch_engine

    yield "pytorch-bf16" if pytorch_engine.cpu_has_bf16() else "pytorch"


def _open(model: InstalledModel, name: str) -> Engine:
    if name.startswith("openvino"):
        from inference.engines.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(model, name)
    from inference.engines.pytorch_engine import PyTorchEngine

    return PyTorchEngine(model, name)

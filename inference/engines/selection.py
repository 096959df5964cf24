"""Which engine runs a network: the one that DRWEB_ENGINE names, else the fastest that works on this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from inference.engines.base import Engine, EngineUnavailable, limit_opencv
from inference.engines.equivalence import may_run_unasked
from inference.errors import ModelUnavailable, gettext_noop
from inference.registry import InstalledModel

logger = logging.getLogger(__name__)

ENGINES = ("cuda", "cuda-f32", "openvino-bf16", "openvino-f32", "pytorch-bf16", "pytorch")
"""From the fastest to the one that works everywhere."""


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
    limit_opencv()
    reason = "no engine works"
    for name in [forced] if forced else _candidates(model):
        try:
            loaded = _open(model, name, told=bool(forced))
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


def _candidates(model: InstalledModel) -> list[str]:
    # Looking for the device first spares CPU-only workers the seconds and the memory of importing torch.
    has_device = any(Path(device).exists() for device in ("/dev/nvidia0", "/dev/dxg"))
    candidates = [name for name in ENGINES if has_device or not name.startswith("cuda")]
    unproven = [name for name in candidates if not may_run_unasked(model, name)]
    if unproven:
        logger.info(
            "network %s: no record that these weights give the same results on %s (see manage.py check_engines)",
            model.name,
            ", ".join(unproven),
        )
    return [name for name in candidates if name not in unproven]


def _open(model: InstalledModel, name: str, *, told: bool) -> Engine:
    """The network on this engine; whatever its libraries raise means that it is unavailable.

    So does half precision that takes longer than float32 on this CPU, unless one was told to use it.
    """
    engine: Callable[[InstalledModel, str], Engine]
    try:
        if name.startswith("openvino"):
            from inference.engines import openvino_engine

            engine, bf16_pays = openvino_engine.OpenVINOEngine, openvino_engine.bf16_pays
        else:
            from inference.engines import pytorch_engine

            engine, bf16_pays = pytorch_engine.PyTorchEngine, pytorch_engine.bf16_pays
        if name.endswith("-bf16") and not told and not bf16_pays():
            raise EngineUnavailable("this CPU computes no faster in bfloat16 than in float32")
        return engine(model, name)
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineUnavailable(f"{type(error).__name__}: {error}") from error

"""Which engine runs a network: the one that DRWEB_ENGINE names, else the fastest that works on this machine.

8-bit integers are in between: DRWEB_ENGINE has them run those networks that have a record of them within the bounds,
and all others, such as the grader, run on what is the fastest without them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from inference.engines.base import Engine, EngineSlower, EngineUnavailable, limit_opencv
from inference.engines.equivalence import may_run_unasked
from inference.errors import ModelUnavailable, gettext_noop
from inference.registry import InstalledModel

logger = logging.getLogger(__name__)

ENGINES = ("cuda", "cuda-f32", "openvino-int8", "openvino-bf16", "openvino-f32", "pytorch-bf16", "pytorch")
"""From the fastest to the one that works everywhere."""
WHERE_PROVEN: Final = "openvino-int8"
"""Never chosen by itself, and as a setting no more than a wish."""


def load_engine(model: InstalledModel, engine: str | None = None) -> Engine:
    """Load a network on the named engine, or on DRWEB_ENGINE, or on the first that works.

    WHERE_PROVEN in DRWEB_ENGINE is tried where it is proven, before the others; as `engine` it is as any other.
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
    wished = forced == WHERE_PROVEN and not engine
    limit_opencv()
    reason = "no engine works"
    for name in [forced] if forced and not wished else _candidates(model, wished=wished):
        try:
            loaded = _open(model, name, told=name == forced)
        except EngineUnavailable as unavailable:
            reason = str(unavailable)
            level = logging.INFO if isinstance(unavailable, EngineSlower) else logging.WARNING
            logger.log(level, "network %s does not run on %s: %s", model.name, name, reason)
            continue
        why = "as told" if name == forced else "chosen for this machine"
        logger.info("network %s %s runs on %s (%s)", model.name, model.card.version, name, why)
        return loaded
    raise ModelUnavailable(
        "engine_unavailable",
        gettext_noop("The network %(name)s cannot be run here: %(reason)s."),
        name=model.name,
        reason=reason,
    )


def engine_for_grader(engine: str | None) -> str | None:
    """What runs the grader where `engine` was asked for: 8-bit integers are for lesion networks."""
    return None if engine == WHERE_PROVEN else engine


def _candidates(model: InstalledModel, *, wished: bool) -> list[str]:
    """Engines to try in turn; `wished`: WHERE_PROVEN is the first."""
    # Looking for the device first spares CPU-only workers the seconds and the memory of importing torch.
    has_device = any(Path(device).exists() for device in ("/dev/nvidia0", "/dev/dxg"))
    chosen = [name for name in ENGINES if name != WHERE_PROVEN and (has_device or not name.startswith("cuda"))]
    candidates = [WHERE_PROVEN, *chosen] if wished else chosen
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
            raise EngineSlower("this CPU computes no faster in bfloat16 than in float32")
        return engine(model, name)
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineUnavailable(f"{type(error).__name__}: {error}") from error

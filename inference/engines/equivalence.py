"""What was measured of a network's engines against float32 PyTorch, and which of them may run it unasked.

`engines.json` beside a network's card holds the measurements, and comes along where the network is installed.
`manage.py check_engines --record` makes it, and so does `manage.py models propose`. Engines that compute in float32 are
held to `FLOAT32_DIFFERENCE` by tests. Those that compute in fewer bits may round a lesion away: without a record for
the very same weights that stays within the bounds below, they run only where they are told. Free of torch.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from inference.registry import RECORD_FILE, InstalledModel

REFERENCE: Final = "pytorch"
REDUCED: Final = ("cuda", "openvino-int8", "openvino-bf16", "pytorch-bf16")
FLOAT32_DIFFERENCE: Final = 1e-3
"""The most that any probability (0-1) of an engine in float32 may differ."""
DICE_CHANGE: Final = 0.005
"""The most that the Dice (0-1) of any lesion against the truth may change, over all photographs as one."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine beside the reference, on the same photographs and weights.

    ``dice`` and ``reference_dice`` are against the outlined truth at the card's thresholds, by lesion: empty for a
    grader. ``grade_changes`` counts the photographs that got another grade. Raises ValueError for values that nobody
    can have measured: what is no number lies within any bounds.
    """

    engine: str
    photographs: int
    probability_difference: float
    dice: dict[str, float] = field(default_factory=dict)
    reference_dice: dict[str, float] = field(default_factory=dict)
    grade_changes: int = 0

    def __post_init__(self) -> None:
        if not all(type(count) is int and count >= 0 for count in (self.photographs, self.grade_changes)):
            raise ValueError("photographs and grade_changes are whole numbers")
        shares = (self.probability_difference, *self.dice.values(), *self.reference_dice.values())
        if not all(isinstance(share, int | float) and math.isfinite(share) and 0 <= share <= 1 for share in shares):
            raise ValueError("differences and Dice lie between 0 and 1")

    @property
    def dice_change(self) -> float:
        """The largest of any lesion, 0-1."""
        return max((abs(self.dice[name] - value) for name, value in self.reference_dice.items()), default=0.0)

    @property
    def within_bounds(self) -> bool:
        """Whether the engine may stand in for the reference."""
        if self.engine not in REDUCED:
            return self.probability_difference <= FLOAT32_DIFFERENCE
        return self.photographs > 0 and self.dice_change <= DICE_CHANGE and not self.grade_changes


def read_record(model: InstalledModel) -> dict[str, Measured]:
    """What was measured of these weights, by engine; empty where that was nothing, or was done with other weights."""
    try:
        return _read(model)
    except (OSError, ValueError):
        return {}


def record_fault(model: InstalledModel) -> str:
    """Why the record beside the weights counts for nothing; empty where it is sound, or where there is none."""
    try:
        _read(model)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _read(model: InstalledModel) -> dict[str, Measured]:
    """Raises OSError, ValueError (with what is wrong)."""
    try:
        content: dict[str, Any] = json.loads((model.folder / RECORD_FILE).read_text(encoding="utf-8"))
        record = {name: Measured(engine=name, **facts) for name, facts in content["engines"].items()}
        weights = content["sha256"]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is no record of engines: {type(error).__name__}: {error}") from error
    if weights != model.card.sha256:
        raise ValueError("it is of other weights")
    lesions = set(model.card.lesions)
    if any(set(each.dice) != lesions or set(each.reference_dice) != lesions for each in record.values()):
        raise ValueError("it does not say of each lesion what was measured")
    return record


def write_record(model: InstalledModel, measured: dict[str, Measured], photographs: str) -> Path:
    """Keep what was measured beside what is known of other engines; `photographs` says on which."""
    engines = {name: _facts(each) for name, each in sorted((read_record(model) | measured).items())}
    content = {"sha256": model.card.sha256, "photographs": photographs, "engines": engines}
    path = model.folder / RECORD_FILE
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def forget(model: InstalledModel, engine: str) -> None:
    """Take out what was measured of an engine that has changed."""
    path = model.folder / RECORD_FILE
    if engine in read_record(model):
        content = json.loads(path.read_text(encoding="utf-8"))
        del content["engines"][engine]
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def may_run_unasked(model: InstalledModel, engine: str) -> bool:
    """Whether `engine` computes in float32, or was measured to stay within the bounds."""
    return engine not in REDUCED or engine in proven_engines(model)


def proven_engines(model: InstalledModel) -> tuple[str, ...]:
    """Those in fewer bits that were measured to stay within the bounds."""
    record = read_record(model)
    return tuple(name for name in REDUCED if name in record and record[name].within_bounds)


def _facts(measured: Measured) -> dict[str, object]:
    facts = asdict(measured)
    del facts["engine"]
    return facts

"""Model cards: what a set of weights is, what it was trained on, how well it did. Free of torch."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import date
from typing import Any, Literal, Self, TypeVar, cast

from inference.networks.spec import NetworkSpec

Kind = Literal["segmentation", "grading"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Per RGB channel, of values scaled to [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data set that the weights were trained on."""

    name: str
    licence: str
    source: str
    images: int


@dataclass(frozen=True, slots=True)
class RuleCertainty:
    """How sure a lesion network must be of a marked area for it to count for the grade by rule.

    ``levels`` holds, per lesion, the probability that the area must reach somewhere; ``chosen`` tells how and on which
    data they were chosen.
    """

    levels: dict[str, float]
    chosen: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The content of ``card.json``.

    ``thresholds`` holds, per lesion, the probability from which a pixel counts, chosen on validation images.
    ``temperature`` divides the grade logits. ``half_turn``: a lesion network is run on the photograph and on the same
    turned by half, and the mean is taken, where validation says that it is worth the second run. Without a
    ``rule_certainty`` all marked areas count for the grade by rule. ``sha256`` is that of ``model.safetensors``.
    ``date`` is ISO 8601.
    """

    name: str
    kind: Kind
    version: str
    network: NetworkSpec
    input_size: int
    normalisation: Normalisation
    sha256: str
    date: str
    lesions: tuple[str, ...] = ()
    thresholds: dict[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    half_turn: bool = False
    rule_certainty: RuleCertainty | None = None
    training_data: tuple[DataSource, ...] = ()
    validation: dict[str, Any] = field(default_factory=dict)
    notes: str = ""

    def __post_init__(self) -> None:
        _require(self.kind in ("segmentation", "grading"), f"kind is {self.kind!r}, not segmentation or grading")
        _require(self.network.is_segmentation == (self.kind == "segmentation"), "kind and network do not fit")
        _require(
            self.input_size > 0 and self.input_size % self.network.stride == 0,
            f"input_size {self.input_size} is not a positive multiple of {self.network.stride}",
        )
        _require(tuple(self.lesions) == self.network.lesions, "lesions are not those of the network's head")
        _require(set(self.thresholds) == set(self.lesions), "thresholds need exactly one value per lesion")
        _require(all(0.0 < t < 1.0 for t in self.thresholds.values()), "thresholds lie between 0 and 1")
        _require(math.isfinite(self.temperature) and self.temperature > 0, "temperature is positive")
        _require(self.network.is_segmentation or not self.half_turn, "half_turn is for lesion networks")
        if self.rule_certainty is not None:
            levels = self.rule_certainty.levels
            _require(set(levels) == set(self.lesions), "rule_certainty needs exactly one level per lesion")
            _require(all(0.0 < level <= 1.0 for level in levels.values()), "levels of certainty lie between 0 and 1")
        _require(
            len(self.normalisation.mean) == 3
            and len(self.normalisation.std) == 3
            and all(s > 0 for s in self.normalisation.std),
            "normalisation: three means, three positive stds",
        )
        _require(
            len(self.sha256) == 64 and all(c in "0123456789abcdef" for c in self.sha256),
            "sha256 is 64 lower-case hexadecimal digits",
        )
        date.fromisoformat(self.date)

    def to_dict(self) -> dict[str, Any]:
        """As in the file; figures that are not defined are None."""
        return cast(dict[str, Any], finite(asdict(self)))

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a card; ``ValueError`` names the fault (unknown or missing fields, values out of range)."""
        raw = json.loads(text, parse_constant=lambda _name: None)
        _check_keys(cls, raw, "card")
        raw["network"] = _nested(NetworkSpec, raw["network"], "network")
        raw["normalisation"] = _nested(Normalisation, raw["normalisation"], "normalisation")
        raw["training_data"] = tuple(
            _nested(DataSource, item, "training_data") for item in raw.get("training_data", ())
        )
        if raw.get("rule_certainty") is not None:
            raw["rule_certainty"] = _nested(RuleCertainty, raw["rule_certainty"], "rule_certainty")
        raw["lesions"] = tuple(raw.get("lesions", ()))
        return cls(**raw)


def finite(value: Any) -> Any:
    """A figure that is not defined (a rate over no cases) becomes null: JSON knows no NaN."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _nested(kind: type[T], raw: object, where: str) -> T:
    values = _check_keys(kind, raw, where)
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def _check_keys(kind: type, raw: object, where: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError(f"{where}: expected an object")  # noqa: TRY004 - the file is wrong, not the call
    known = {f.name: f for f in fields(kind)}
    if unknown := sorted(set(raw) - set(known)):
        raise ValueError(f"{where}: unknown fields {', '.join(unknown)}")
    missing = [
        name for name, f in known.items() if name not in raw and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise ValueError(f"{where}: missing fields {', '.join(missing)}")
    return cast(dict[str, Any], raw)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(f"card: {message}")

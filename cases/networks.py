"""The networks a person may choose from. Read from their cards alone: no weights are loaded in the web process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from cases.choices import Lesion
from cases.models import Clinic
from inference.cards import ModelCard
from inference.registry import installed_models

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
    """An installed segmentation network."""

    name: str
    label: str
    card: ModelCard
    is_default: bool


@dataclass(frozen=True)
class LesionFigures:
    """How well one lesion kind is outlined; None where the card does not say."""

    label: str
    dice: float | None
    iou: float | None
    average_precision: float | None
    threshold: float | None


@dataclass(frozen=True)
class InstalledNetwork:
    """A network with its card and the validation figures on it, for the results page."""

    label: str
    card: ModelCard
    lesion_figures: list[tuple[str, list[LesionFigures]]]
    other_figures: list[tuple[str, float]]


def network_label(name: str) -> str:
    """How a network is called on pages."""
    return _LABELS.get(name, name)


def network_choices(*, clinic: Clinic | None = None) -> list[NetworkChoice]:
    """Installed segmentation networks, the default of `clinic` (or else of the system) marked and first.

    Empty where no weights are installed, or where the grader is missing: every analysis needs both.
    """
    cards = installed_models()
    if not any(card.kind == "grading" for card in cards.values()):
        return []
    names = [name for name, card in cards.items() if card.kind == "segmentation"]
    wanted = (clinic.default_model if clinic else "", settings.DRWEB_DEFAULT_MODEL, *names)
    default = next((name for name in wanted if name in names), None)
    names.sort(key=lambda name: (name != default, name))
    return [NetworkChoice(name, network_label(name), cards[name], name == default) for name in names]


def installed_networks() -> list[InstalledNetwork]:
    """Every installed network, graders last."""
    cards = sorted(installed_models().values(), key=lambda card: (card.kind == "grading", card.name))
    return [
        InstalledNetwork(
            network_label(card.name), card, list(_lesion_tables(card.validation)), list(_numbers(card.validation))
        )
        for card in cards
    ]


def _lesion_tables(figures: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, list[LesionFigures]]]:
    """Every table "figures per lesion" within the validation figures, with the name of the data it was measured on."""
    if any(isinstance(figures.get(lesion), Mapping) for lesion in Lesion.values):
        yield path, [_lesion_figures(lesion, figures[lesion]) for lesion in Lesion.values if lesion in figures]
        return
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _lesion_tables(value, f"{path} · {name}" if path else name)


def _lesion_figures(lesion: str, figures: Mapping[str, Any]) -> LesionFigures:
    return LesionFigures(
        label=f"{lesion} · {Lesion(lesion).label}",
        dice=figures.get("dice"),
        iou=figures.get("iou"),
        average_precision=figures.get("ap"),
        threshold=figures.get("threshold"),
    )


def _numbers(figures: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    """Every single number among the validation figures that is not about one lesion."""
    for name, value in figures.items():
        full = f"{path} · {name}" if path else name
        if isinstance(value, Mapping):
            if name not in Lesion.values:
                yield from _numbers(value, full)
        elif isinstance(value, int | float) and not isinstance(value, bool) and name not in Lesion.values:
            yield full, value

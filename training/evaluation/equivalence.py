"""Engines against float32 PyTorch, on the same photographs and weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference.cards import ModelCard
from inference.engines.base import Engine, FloatArray
from inference.engines.equivalence import REFERENCE, Measured
from inference.engines.selection import load_engine
from inference.errors import ModelUnavailable
from inference.field_of_view import find_field_of_view
from inference.lesions import LESIONS
from inference.networks.spec import grade_probabilities, lesion_probabilities
from inference.preprocessing import to_network
from inference.registry import InstalledModel
from inference.tiling import averaged, mirrors_for
from training.datasets.masks import read_masks
from training.datasets.records import Record
from training.datasets.squares import read_rgb


@dataclass
class _Tally:
    """Of one engine. ``overlap`` and ``marked`` count pixels per lesion, over all photographs."""

    overlap: NDArray[np.int64]
    marked: NDArray[np.int64]
    grades: list[int] = field(default_factory=list)
    difference: float = 0.0


def measure_engines(
    model: InstalledModel,
    names: Iterable[str],
    records: Sequence[Record],
    *,
    unavailable: Callable[[ModelUnavailable], object],
) -> dict[str, Measured]:
    """Run those of the named engines that work on this machine beside the reference, see `compare_engines`.

    `unavailable` hears of each that does not, and may raise.
    """
    engines: list[Engine] = []
    for name in names:
        try:
            engines.append(load_engine(model, name))
        except ModelUnavailable as error:
            unavailable(error)
    return compare_engines(model.card, load_engine(model, REFERENCE), engines, records) if engines else {}


def compare_engines(
    card: ModelCard, reference: Engine, engines: Sequence[Engine], records: Sequence[Record]
) -> dict[str, Measured]:
    """Run every engine beside ``reference`` on ``records``, which have masks if the network outlines lesions.

    Lesions are compared as they are reported: probabilities scaled to the photograph, cut at the card's thresholds,
    inside the field of view, as the mean with the half turn where the card says so; Dice over the pixels of all
    photographs as one, as in the model cards.
    """
    lesions = card.network.lesions
    tallies = {
        engine.name: _Tally(np.zeros(len(lesions), np.int64), np.zeros(len(lesions), np.int64))
        for engine in (reference, *engines)
    }
    outlined = np.zeros(len(lesions), np.int64)
    for record in records:
        expected: FloatArray | None = None
        rgb = read_rgb(record.image)
        fov = find_field_of_view(rgb)
        batch, geometry = to_network(rgb, fov, card.input_size, card.normalisation.mean, card.normalisation.std)
        if lesions:
            inside = fov.mask_for(rgb.shape)
            bits = read_masks(record, rgb.shape, fov)
            truth = np.stack([(bits >> LESIONS.index(lesion)) & 1 for lesion in lesions]).astype(bool) & inside
            outlined += truth.sum(axis=(1, 2))
        for engine in (reference, *engines):
            tally = tallies[engine.name]
            found = _probabilities(card, engine, batch)
            expected = found if expected is None else expected
            # What is no number is as wrong as can be: compared as it is, it would count for nothing.
            found = np.where(np.isfinite(found), found, 1 - expected)
            tally.difference = max(tally.difference, float(np.abs(found - expected).max()))
            if lesions:
                cut = np.array([card.thresholds[lesion] for lesion in lesions])[:, None, None]
                marked = (geometry.to_original(found, rgb.shape) >= cut) & inside
                tally.overlap += (marked & truth).sum(axis=(1, 2))
                tally.marked += marked.sum(axis=(1, 2))
            else:
                tally.grades.append(int(found.argmax()))
    return _measured(lesions, len(records), outlined, tallies, reference.name)


def _probabilities(card: ModelCard, engine: Engine, batch: FloatArray) -> FloatArray:
    if card.kind == "grading":
        return grade_probabilities(engine.run(batch), card.network, card.temperature)
    mirrors = mirrors_for(half_turn=card.half_turn, flips=False)
    return averaged(lambda one: lesion_probabilities(engine.run(one)[0], card.network), mirrors)(batch)


def _measured(
    lesions: tuple[str, ...], photographs: int, outlined: NDArray[np.int64], tallies: dict[str, _Tally], reference: str
) -> dict[str, Measured]:
    def dice(tally: _Tally) -> dict[str, float]:
        # A lesion that is neither there nor found agrees with itself.
        values = (2 * tally.overlap + 1e-9) / (tally.marked + outlined + 1e-9)
        return {lesion: round(float(value), 5) for lesion, value in zip(lesions, values, strict=True)}

    expected = tallies.pop(reference)
    return {
        name: Measured(
            engine=name,
            photographs=photographs,
            probability_difference=round(tally.difference, 7),
            dice=dice(tally),
            reference_dice=dice(expected),
            grade_changes=sum(a != b for a, b in zip(tally.grades, expected.grades, strict=True)),
        )
        for name, tally in tallies.items()
    }

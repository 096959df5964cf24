"""The grade by rule from a lesion network's masks against graded photographs, run as the product runs it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from inference.analysis import LoadedNetwork, areas_of, lesion_maps, level_of, unsure_of
from inference.cards import ModelCard
from inference.engines.selection import load_engine
from inference.field_of_view import Rgb, find_field_of_view
from inference.field_view import field_view
from inference.landmarks import find_landmarks, point_of
from inference.preprocessing import Pyramid, crop_to_square, square_geometry
from inference.registry import CARD_FILE, InstalledModel, verify_weights
from inference.rules import grade_by_rule
from inference.tiling import Detail
from training.datasets.records import DatasetError, Record, require_file
from training.datasets.squares import read_rgb
from training.metrics.bootstrap import ROUNDS
from training.metrics.grades import GRADES, REFERABLE, grade_figures

Levels = Mapping[str, int]

SEVERE: Final = "severe"
"""In `RuleView.surest`, beside the lesions: haemorrhages enough for grade 3."""
# The score is no probability, and speaks of referable disease alone.
_UNDEFINED: Final = ("macro_auc", "ece", "roc_curve")


@dataclass(frozen=True, slots=True)
class RuleView:
    """A graded photograph as the rule sees it.

    ``surest`` has, by lesion and for `SEVERE`, the highest level of certainty (1-255 for 0-1) at which the rule would
    still fire; 0 where it never does.
    """

    image: str
    patient: str
    grade: int
    surest: dict[str, int]


def network_in(folder: Path) -> LoadedNetwork:
    """The network of a folder of weights, on the product's engine."""
    card = ModelCard.from_json(require_file(folder / CARD_FILE, "weights").read_text(encoding="utf-8"))
    model = InstalledModel(card, folder)
    verify_weights(model)
    return LoadedNetwork(card, load_engine(model))


def rule_view(network: LoadedNetwork, record: Record, *, detail: Detail = "standard", flips: bool = False) -> RuleView:
    """Run the network on a graded photograph, and ask the rule."""
    rgb = read_rgb(record.image)
    fov = find_field_of_view(rgb)
    maps = lesion_maps(network, Pyramid(cast(Rgb, crop_to_square(rgb, fov))), detail, flips)
    geometry = square_geometry(fov, network.card.input_size)
    areas = areas_of(maps, network.card, geometry, fov, rgb.shape)
    landmarks = find_landmarks(field_view(rgb, fov))
    places = point_of(landmarks.disc), point_of(landmarks.fovea)

    def says(lesion: str, least: int, level: int) -> bool:
        unsure = {lesion: unsure_of(areas[lesion], level / 255)}
        return grade_by_rule({lesion: areas[lesion]}, fov, *places, unsure).grade >= least

    surest = {lesion: _highest(partial(says, lesion, 1)) for lesion in areas}
    surest[SEVERE] = _highest(partial(says, "HE", 3)) if "HE" in areas else 0
    return RuleView(record.image.name, f"{record.source}/{record.patient}", cast(int, record.grade), surest)


def graded(records: Sequence[Record]) -> list[Record]:
    """Those with a grade; ``DatasetError`` where there is none."""
    found = [record for record in records if record.grade is not None]
    if not found:
        raise DatasetError("this data set has no grades: a grade by rule cannot be measured on it.")
    return found


def levels_of(card: ModelCard) -> dict[str, int]:
    """From which level on an area counts for the rule: the card's certainty, or else its masks' thresholds."""
    certainty = card.rule_certainty.levels if card.rule_certainty else {}
    return {
        lesion: max(level_of(threshold), level_of(certainty.get(lesion, threshold)))
        for lesion, threshold in card.thresholds.items()
    }


def rule_figures(views: Sequence[RuleView], levels: Levels, rounds: int = ROUNDS) -> dict[str, Any]:
    """The figures of a grader (see ``training.metrics.grades``), of the grades by rule at `levels`."""
    figures = grade_figures(
        np.array([view.grade for view in views], dtype=np.int64),
        np.stack([_as_probabilities(view, levels) for view in views]),
        [view.patient for view in views],
        operating_points={"grade_2_and_above": 0.5},
        rounds=rounds,
    )
    del figures["operating_points"]["grade_2_and_above"]["threshold"]
    return {name: value for name, value in figures.items() if not name.startswith(_UNDEFINED)}


def grade_at(view: RuleView, levels: Levels) -> int:
    """The grade by rule, of areas that reach these levels."""
    fires = {lesion: view.surest[lesion] >= level for lesion, level in levels.items()}
    if view.surest[SEVERE] >= levels.get("HE", 256):
        return 3
    return 2 if any(fires[lesion] for lesion in fires if lesion != "MA") else int(fires.get("MA", False))


def _as_probabilities(view: RuleView, levels: Levels) -> NDArray[np.float64]:
    """Five numbers that say the rule's grade, and rank photographs by how far their surest area is from counting.

    The score of referable disease is over a half exactly where the rule says grade 2 or above.
    """
    margins = [_odds(view.surest[lesion] + 0.5) / _odds(level) for lesion, level in levels.items() if lesion != "MA"]
    margin = max(margins, default=0.0)
    score, grade = margin / (1 + margin), grade_at(view, levels)
    row = np.zeros(GRADES)
    row[max(grade, REFERABLE)] = score
    row[grade if grade < REFERABLE else 0] = 1 - score
    return row


def _odds(level: float) -> float:
    return level / (256 - level)


def _highest(fires: Callable[[int], bool]) -> int:
    """The highest level 1-255 at which a rule fires that is only lost as more is asked; 0: at none."""
    return bisect_left(range(1, 256), True, key=lambda level: not fires(level))

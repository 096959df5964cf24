"""How sure a lesion network must be of an area for the grade by rule, chosen on graded training photographs.

Masks are cut where pixels agree best with outlines; for the rule one false area is enough. So each lesion has a level
of certainty of its own, which an area must reach somewhere: the mask's threshold or a tenth above it. For the lesions
that make a grade 2 those are taken that give the highest mean of sensitivity and specificity of referable disease, for
microaneurysms, which tell grade 1 from 0, the one that gives the highest kappa. Steps are large, because few
photographs have disease; cross-validation over patients says what such a choice is worth on others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from inference.analysis import LoadedNetwork, level_of
from inference.cards import RuleCertainty
from training.datasets.records import DatasetError, Record
from training.evaluation.rule import Levels, RuleView, grade_at, rule_view
from training.metrics.grades import REFERABLE, quadratic_kappa, rates

FOLDS: Final = 5
ROUNDS: Final = 5
"""Ways to deal patients into folds, of which the mean is taken."""
_FAINT: Final = "MA"


def rule_views(network: LoadedNetwork, records: Sequence[Record], table: Path) -> list[RuleView]:
    """What the rule sees of each graded photograph. `table` keeps it, so that a run that was stopped goes on.

    Raises ``DatasetError`` where the table is of other weights.
    """
    known = dict(_read(table, network.card.sha256)) if table.exists() else {}
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("a", encoding="utf-8") as file:
        for record in records:
            if record.image.name not in known:
                view = known[record.image.name] = rule_view(network, record)
                file.write(json.dumps({"weights": network.card.sha256, **asdict(view)}) + "\n")
                file.flush()
    return [known[record.image.name] for record in records]


def choose_certainty(views: Sequence[RuleView], thresholds: Levels) -> RuleCertainty:
    """The levels, and what cross-validation says of them; `thresholds` are those of the masks.

    Raises ``DatasetError`` where there are not enough patients with and without referable disease.
    """
    for kind in (False, True):
        if len({view.patient for view in views if (view.grade >= REFERABLE) is kind}) < FOLDS:
            raise DatasetError(f"choosing needs {FOLDS} patients with referable disease, and {FOLDS} without.")
    return RuleCertainty(
        {lesion: round(level / 255, 3) for lesion, level in _best_levels(views, thresholds).items()},
        {
            "images": len(views),
            "patients": len({view.patient for view in views}),
            "cross_validated": _cross_validated(views, thresholds),
            "without": _figures(views, [thresholds] * len(views)),
        },
    )


def _read(table: Path, weights: str) -> Iterator[tuple[str, RuleView]]:
    for line in table.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row.pop("weights") != weights:
            raise DatasetError(f"{table} was made with other weights: delete it, or name another with --table.")
        yield row["image"], RuleView(**row)


def _best_levels(views: Sequence[RuleView], thresholds: Levels) -> dict[str, int]:
    """By lesion; the lowest of those that are equally good."""
    truth = np.array([view.grade for view in views])
    lesions = [lesion for lesion in thresholds if lesion != _FAINT]
    surest = np.array([[view.surest[lesion] for lesion in lesions] for view in views])

    def balanced(levels: tuple[int, ...]) -> float:
        return sum(rates(truth >= REFERABLE, (surest >= levels).any(axis=1).astype(float), 0.5))

    best = max(product(*(_steps(thresholds[lesion]) for lesion in lesions)), key=balanced)
    levels = dict(zip(lesions, best, strict=True))

    def agreement(level: int) -> float:
        return quadratic_kappa(truth, np.array([grade_at(view, {**levels, _FAINT: level}) for view in views]))

    if _FAINT in thresholds:
        levels[_FAINT] = max(_steps(thresholds[_FAINT]), key=agreement)
    return {lesion: levels[lesion] for lesion in thresholds}


def _steps(threshold: int) -> list[int]:
    """The threshold, and the tenths above it."""
    return [threshold, *(level for tenth in range(1, 10) if (level := level_of(tenth / 10)) > threshold)]


def _cross_validated(views: Sequence[RuleView], thresholds: Levels) -> dict[str, float]:
    """Figures of photographs graded at levels that were chosen on other patients."""
    strata, patients = [view.grade >= REFERABLE for view in views], [view.patient for view in views]
    rounds = []
    for seed in range(ROUNDS):
        levels: list[Levels] = [{}] * len(views)
        for others, held in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(views, strata, patients):
            own = _best_levels([views[number] for number in others], thresholds)
            for number in held:
                levels[number] = own
        rounds.append(_figures(views, levels))
    return {name: round(float(np.mean([figures[name] for figures in rounds])), 4) for name in rounds[0]}


def _figures(views: Sequence[RuleView], levels: Sequence[Levels]) -> dict[str, float]:
    truth = np.array([view.grade for view in views])
    said = np.array([grade_at(view, own) for view, own in zip(views, levels, strict=True)])
    sensitivity, specificity = rates(truth >= REFERABLE, said, REFERABLE)
    figures: dict[str, Any] = {
        "accuracy": float((said == truth).mean()),
        "quadratic_kappa": quadratic_kappa(truth, said),
        "sensitivity": sensitivity,
        "specificity": specificity,
    }
    return {name: round(float(value), 4) for name, value in figures.items()}

"""An evaluation on disk: figures as JSON, their pictures, and a model card for people."""

from __future__ import annotations

import json
from pathlib import Path

from inference.cards import ModelCard, finite
from inference.charts import ChartWords, card_charts
from training.model_card import render

_FACTS = ("split", "data", "detail", "flips")


def write_evaluation(card: ModelCard, folder: Path) -> None:
    """Write ``figures.json``, ``card.md`` and one PNG per chart into ``folder``.

    The ``validation`` of ``card`` holds this evaluation's figures, and what was measured (``data``, ``split``) and how.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = finite({"model": card.name, "version": card.version, "sha256": card.sha256, **card.validation})
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    (folder / "card.md").write_text(render(card), encoding="utf-8")
    for name, png in card_charts(card, ChartWords()).items():
        (folder / f"{name}.png").write_bytes(png)


def summary(card: ModelCard) -> str:
    """The few lines that are looked at first."""
    stated = card.validation
    lines = [", ".join([f"{card.name} {card.version}", *(f"{name} {stated[name]}" for name in _FACTS)])]
    if "lesions" in stated:
        lines += [
            f"{lesion:<5}" + "  ".join(f"{name} {own[name]:.4f}" for name in ("ap", "dice", "iou", "froc_score"))
            for lesion, own in stated["lesions"].items()
            if isinstance(own, dict)
        ]
    elif "normal_eyes" in stated:
        lines += [
            f"{lesion:<5}false area {area:.4f} % of the field of view"
            for lesion, area in stated["normal_eyes"]["false_positive_area_percent"].items()
        ]
    else:
        stated = stated.get("rule_grades", stated)
        names = ("accuracy", "quadratic_kappa", "macro_auc", "referable_auc", "ece")
        lines.append("  ".join(f"{name} {stated[name]:.4f}" for name in names if name in stated))
    return "\n".join(lines)

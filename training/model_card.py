"""A model card for people, written from ``card.json`` so that the two cannot say different things."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inference.cards import ModelCard
from inference.lesions import LESION_NAMES

_LIMITS = """## Limits

- Decision support for trained staff, without regulatory clearance. It does not replace the reading of a photograph.
- Trained on few photographs of few cameras; other cameras, ethnic groups and image quality may give worse results.
"""

_CHOSEN_HERE = "- Validation photographs chose the checkpoint and the {chosen}: figures on other data will be lower.\n"

_SEGMENTATION_LIMITS = """- IDRiD photographs all show disease; false findings are measured on healthy eyes at 400 px.
- Microaneurysms are a few pixels wide at the network's input; photographs of low resolution hide most of them.
"""

_GRADING_LIMITS = """- EyePACS grades are noisy, and its photographs were used at 400 px: most microaneurysms are lost.
- Few photographs of grades 3 and 4 were there to learn from: their recall is uncertain.
"""


def render(card: ModelCard) -> str:
    """The card as Markdown."""
    stated = card.validation
    if card.kind == "segmentation":
        body = [_lesions(card), _normal_eyes(card), _rule_certainty(card), _rule_grades(card)]
        chosen, limits = "thresholds", _SEGMENTATION_LIMITS
    else:
        body = [_grades(stated, card.temperature)]
        chosen, limits = "temperature", _GRADING_LIMITS
    split = stated.get("split", "val")
    title = "## Validation" if split == "val" else f"## Figures, split {split}"
    limits = _LIMITS + (_CHOSEN_HERE.format(chosen=chosen) if split == "val" else "") + limits
    return "\n".join([_head(card), f"{title}\n", *filter(None, body), _data(card), limits]).rstrip() + "\n"


def _head(card: ModelCard) -> str:
    network = card.network
    widths = f", decoder widths {', '.join(map(str, network.decoder_channels))}" if network.decoder_channels else ""
    rows = [
        ("Kind", card.kind),
        ("Version", f"{card.version}, {card.date}"),
        ("Network", f"{network.architecture}, encoder {network.encoder} ({network.encoder_depth} stages){widths}"),
        ("Head", network.head),
        ("Input", f"the field of view on a square of {card.input_size} px"),
        ("sha256", f"`{card.sha256}`"),
    ]
    notes = f"\n{card.notes}\n" if card.notes else ""
    return f"# {card.name}\n\n{_table(('', ''), rows)}\n{notes}"


def _lesions(card: ModelCard) -> str:
    figures = card.validation.get("lesions")
    if not figures:
        return ""
    own = {lesion: figures[lesion] for lesion in card.lesions}
    labels = {lesion: f"{lesion}, {LESION_NAMES[lesion]}" for lesion in card.lesions}  # type: ignore[index]
    labels["mean"] = "mean"
    rows = own | {"mean": figures["mean"]}
    pixels = [
        (labels[name], _with_interval(row, "ap"), *_numbers(row, "aupr_33_points", "aupr_11_points", "threshold"),
         _with_interval(row, "dice"),
         *_numbers(row, "dice_per_image", "iou", "iou_per_image", "dice_at_half", "iou_at_half"))
        for name, row in rows.items()
    ]  # fmt: skip
    heads = ("lesion", "AP (95 %)", "AUPR, 33 points", "AUPR, 11 points", "threshold", "Dice, pooled (95 %)",
             "Dice, per image", "IoU, pooled", "IoU, per image", "Dice at .5", "IoU at .5")  # fmt: skip
    found = [
        (labels[lesion], str(row.get("lesions", "-")), _with_interval(row, "froc_score"),
         *(_number(value, 2) for value in row.get("froc_sensitivities", [None] * 7)),
         *_numbers(row, "presence_sensitivity", "presence_specificity", digits=2))
        for lesion, row in own.items()
    ]  # fmt: skip
    found_heads = ("lesion", "lesions", "FROC score (95 %)", *("1/8", "1/4", "1/2", "1", "2", "4", "8"),
                   "presence: sensitivity", "specificity")  # fmt: skip
    return (
        f"{figures['images']} photographs of {', '.join(card.validation['data'])}, measured on "
        f"{figures['resolution']}{_how(card)}; intervals by bootstrap over photographs, or patients where they are "
        f"known.\n\n{_table(heads, pixels)}\n\n"
        "Whole lesions: sensitivity at 1/8 to 8 false marks per photograph, and its mean, the FROC score; and whether "
        f"photographs with and without the lesion are told apart at the threshold.\n\n{_table(found_heads, found)}\n"
    )


def _normal_eyes(card: ModelCard) -> str:
    normals = card.validation.get("normal_eyes")
    if not normals:
        return ""
    areas, shares = normals["false_positive_area_percent"], normals["eyes_with_false_positive"]
    bounds = normals.get("false_positive_area_percent_interval", {})
    rows = [
        (lesion, _number(areas[lesion], 4), _interval(bounds.get(lesion), 4), f"{100 * shares[lesion]:.0f} %")
        for lesion in card.lesions
    ]
    heads = ("lesion", "marked area, % of the field of view", "95 %", "eyes with any mark")
    return f"False findings on {normals['images']} normal eyes{_how(card)}:\n\n{_table(heads, rows)}\n"


def _how(card: ModelCard) -> str:
    ways = ["in high detail"] if card.validation.get("detail") == "high" else []
    if card.validation.get("flips"):
        ways.append("averaged over mirror images")
    elif card.half_turn:
        ways.append("averaged with its half turn")
    return "".join(f", {way}" for way in ways)


def _rule_certainty(card: ModelCard) -> str:
    if card.rule_certainty is None:
        return ""
    chosen = card.rule_certainty.chosen
    rows = [
        (lesion, *map(_number, (card.thresholds[lesion], level)))
        for lesion, level in card.rule_certainty.levels.items()
    ]
    heads = ("lesion", "threshold of the mask", "an area counts from a highest probability of")
    said = [
        f"{name}: sensitivity {_number(own['sensitivity'])}, specificity {_number(own['specificity'])}, kappa "
        f"{_number(own['quadratic_kappa'])}"
        for name, own in (("with these levels, in cross-validation", chosen["cross_validated"]),
                          ("with all marked areas", chosen["without"]))
    ]  # fmt: skip
    return (
        "For the grade by rule only areas count of which the network is sure:\n\n"
        f"{_table(heads, rows)}\n\n"
        f"Chosen on {chosen['images']} training photographs of {chosen['patients']} patients of "
        f"{', '.join(chosen['data'])} and their grades (`training/rule_certainty.py`). On these, {'; '.join(said)}.\n"
    )


def _rule_grades(card: ModelCard) -> str:
    figures = card.validation.get("rule_grades")
    if not figures:
        return ""
    # Of an evaluation the data stands beside the figures, of a shipped card with them.
    data = {"data": card.validation["data"], **figures}
    return f"Grades that follow by rule from its masks, 0 to 3:\n\n{_grades(data)}"


def _grades(figures: Mapping[str, Any], temperature: float | None = None) -> str:
    names = (("accuracy", "accuracy"), ("quadratic_kappa", "quadratic weighted kappa"),
             ("macro_auc", "macro AUC, one grade against the rest"),
             ("referable_auc", "AUC of referable disease (grade 2 and above)"),
             ("ece", "expected calibration error"))  # fmt: skip
    rows = [
        (label, _number(figures[name]), _interval(figures.get(f"{name}_interval")))
        for name, label in names
        if name in figures
    ]
    points = [
        (name.replace("_", " "), _number(point.get("threshold")), _with_interval(point, "sensitivity"),
         _with_interval(point, "specificity"))
        for name, point in figures.get("operating_points", {}).items()
    ]  # fmt: skip
    confusion = [(f"grade {g}", *map(str, row), _number(figures["recall_per_grade"][g]),
                  _interval(_item(figures.get("recall_per_grade_interval"), g)))
                 for g, row in enumerate(figures["confusion"])]  # fmt: skip
    heads = ("truth", *(f"said {g}" for g in range(5)), "recall", "95 %")
    point_heads = ("referable disease", "from a probability of", "sensitivity (95 %)", "specificity (95 %)")
    scaling = ""
    if temperature:
        scaling = f"The temperature is {_number(temperature)}; without it the calibration error is "
        scaling += f"{_number(figures['ece_before_scaling'])}.\n\n"
    return (
        f"{figures['images']} photographs of {figures['patients']} patients of {', '.join(figures['data'])}; "
        f"intervals by bootstrap over patients.\n\n{_table(('figure', 'value', '95 %'), rows)}\n\n"
        f"{scaling}{_table(point_heads, points)}\n\n{_table(heads, confusion)}\n"
    )


def _data(card: ModelCard) -> str:
    rows = [(source.name, f"{source.images:,}", source.licence, source.source) for source in card.training_data]
    return f"## Data\n\n{_table(('data set', 'training images', 'licence', 'source'), rows)}\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _number(value: Any, digits: int = 3) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _numbers(figures: Mapping[str, Any], *names: str, digits: int = 3) -> list[str]:
    return [_number(figures.get(name), digits) for name in names]


def _interval(values: Sequence[float] | None, digits: int = 3) -> str:
    return " to ".join(_number(value, digits) for value in values) if values else "-"


def _with_interval(figures: Mapping[str, Any], name: str) -> str:
    bounds = figures.get(f"{name}_interval")
    return _number(figures.get(name)) + (f" ({_interval(bounds)})" if bounds else "")


def _item(values: Sequence[Any] | None, index: int) -> Any:
    return values[index] if values else None

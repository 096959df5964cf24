"""A model card for people, written from ``card.json`` so that the two cannot say different things."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from inference.cards import ModelCard
from inference.lesions import LESION_NAMES

_LIMITS = """## Limits

- Decision support for trained staff, without regulatory clearance. It does not replace the reading of a photograph.
- Trained on few photographs of few cameras; other cameras, ethnic groups and image quality may give worse results.
- Validation photographs chose the checkpoint and the {chosen}: figures on other data will be lower.
"""

_SEGMENTATION_LIMITS = """- IDRiD photographs all show disease; the false findings above are on healthy eyes at 400 px.
- Microaneurysms are a few pixels wide at the network's input; photographs of low resolution hide most of them.
"""

_GRADING_LIMITS = """- EyePACS grades are noisy, and its photographs were used at 400 px: most microaneurysms are lost.
- Few photographs of grades 3 and 4 were there to learn from: their recall is uncertain.
"""


def render(card: ModelCard) -> str:
    """The card as Markdown."""
    body = _segmentation(card) if card.kind == "segmentation" else _grading(card)
    chosen = "thresholds" if card.kind == "segmentation" else "temperature"
    limits = _LIMITS.format(chosen=chosen) + (_SEGMENTATION_LIMITS if card.kind == "segmentation" else _GRADING_LIMITS)
    return "\n".join([_head(card), body, _data(card), limits]).rstrip() + "\n"


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


def _segmentation(card: ModelCard) -> str:
    figures = card.validation["lesions"]
    normals = card.validation.get("normal_eyes")
    rows = []
    for lesion in card.lesions:
        own = figures[lesion]
        false_area = _number(normals["false_positive_area_percent"][lesion], 4) if normals else "-"
        rows.append(
            (
                f"{lesion}, {LESION_NAMES[lesion]}",  # type: ignore[index]
                f"{_number(own['ap'])} ({_interval(own['ap_interval'])})",
                _number(own["aupr_33_points"]),
                _number(own["dice"]),
                _number(own["dice_per_image"]),
                _number(own["iou"]),
                _number(own["threshold"]),
                false_area,
            )
        )
    mean = figures["mean"]
    rows.append(("mean", _number(mean["ap"]), "", _number(mean["dice"]), _number(mean["dice_per_image"]),
                 _number(mean["iou"]), "", ""))  # fmt: skip
    heads = ("lesion", "AP (95 %)", "AUPR, 33 points", "Dice, pooled", "Dice, per image", "IoU, pooled", "threshold",
             "false area on normal eyes, % of field")  # fmt: skip
    text = (
        f"## Validation\n\n{figures['images']} photographs of {', '.join(card.validation['data'])}, measured on "
        f"{figures['resolution']}.\n\n{_table(heads, rows)}\n"
    )
    if normals:
        shares = normals["eyes_with_false_positive"]
        found = ", ".join(f"{lesion} {100 * shares[lesion]:.0f} %" for lesion in card.lesions)
        text += f"\nOf {normals['images']} normal eyes, some pixel is marked as: {found}.\n"
    return text


def _grading(card: ModelCard) -> str:
    figures = card.validation
    names = (("accuracy", "accuracy"), ("quadratic_kappa", "quadratic weighted kappa"), ("macro_auc", "macro AUC"),
             ("referable_auc", "AUC of referable disease (grade 2 and above)"))  # fmt: skip
    rows = [(label, _number(figures[name]), _interval(figures[f"{name}_interval"])) for name, label in names]
    text = (
        f"## Validation\n\n{figures['images']} photographs of {figures['patients']} patients of "
        f"{', '.join(figures['data'])}; intervals by bootstrap over patients.\n\n"
        f"{_table(('figure', 'value', '95 %'), rows)}\n\n"
        f"Expected calibration error {_number(figures['ece'])} at temperature {_number(card.temperature)} "
        f"({_number(figures['ece_before_scaling'])} without scaling).\n"
    )
    for name, point in figures.get("operating_points", {}).items():
        text += (
            f"\nReferable disease, {name.replace('_', ' ')}: at a probability of {_number(point['threshold'])}, "
            f"sensitivity {_number(point['sensitivity'])}, specificity {_number(point['specificity'])}.\n"
        )
    confusion = [(f"grade {g}", *map(str, row), _number(figures["recall_per_grade"][g]))
                 for g, row in enumerate(figures["confusion"])]  # fmt: skip
    heads = ("truth", *(f"said {g}" for g in range(5)), "recall")
    return text + f"\n{_table(heads, confusion)}\n"


def _data(card: ModelCard) -> str:
    rows = [(source.name, f"{source.images:,}", source.licence, source.source) for source in card.training_data]
    return f"## Data\n\n{_table(('data set', 'training images', 'licence', 'source'), rows)}\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _number(value: Any, digits: int = 3) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _interval(values: Sequence[float]) -> str:
    return f"{_number(values[0])} to {_number(values[1])}"

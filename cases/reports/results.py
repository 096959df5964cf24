"""The document of the Results page: method, data, figures of the installed networks, and those of others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from cases.choices import Lesion
from cases.networks import network_label
from cases.reports import published
from cases.reports import results_text as words
from cases.reports.content import NOTHING
from cases.reports.fonts import CHINESE
from inference.cards import ModelCard
from inference.charts import ChartWords, card_charts

LAYOUT = "results.typ"


@dataclass(frozen=True)
class Table:
    """Texts by row, with the width of each column in mm; the first column is text, the others figures."""

    heads: list[str]
    rows: list[list[str]]
    widths: list[float]


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it; charts are (caption, name of the picture)."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    charts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def results_data(cards: Sequence[ModelCard]) -> dict[str, Any]:
    """What the layout prints, in the active language."""
    lesion_cards = [card for card in cards if card.kind == "segmentation"]
    graders = [card for card in cards if card.kind == "grading"]
    sections = [
        _overview(lesion_cards, graders),
        _section(_("Method"), words.method()),
        _data(cards),
        *(_lesion_network(card) for card in lesion_cards),
        *([_lesions_beside_others(lesion_cards)] if lesion_cards else []),
        *(_grader(card) for card in graders),
        *_rule_grades(lesion_cards),
        _section(_("Limits"), words.limits()),
    ]
    return {
        "heading": _("Method and results"),
        "footer": f"drweb · {_('Method and results')}",
        "subtitle": _("Lesion segmentation and grading of diabetic retinopathy: the networks installed here"),
        "sections": [asdict(section) for section in sections],
    }


def results_charts(cards: Sequence[ModelCard]) -> dict[str, bytes]:
    """The pictures that the layout names, with words in the active language."""
    labels = ChartWords(
        recall=_("Recall"),
        precision=_("Precision"),
        sensitivity=_("Sensitivity"),
        false_marks=_("False marks per photograph"),
        false_positive_rate=_("1 − specificity"),
        truth=_("Grade of the data set"),
        predicted=_("Grade of the network"),
        confidence=_("Mean probability"),
        accuracy=_("Share of right answers"),
        scaled=_("with temperature scaling"),
        unscaled=_("without"),
        operating_point=_("operating points"),
        lesions={lesion: str(Lesion(lesion).label) for lesion in Lesion.values},
        font=CHINESE,
    )
    return {f"{card.name}-{name}": png for card in cards for name, png in card_charts(card, labels).items()}


def _overview(lesion_cards: Sequence[ModelCard], graders: Sequence[ModelCard]) -> Section:
    rows = [
        (
            _versioned(card),
            _with_interval(means, "ap"),
            _number(means.get("dice")),
            _number(means.get("iou")),
            _with_interval(means, "froc_score"),
            str(_lesions(card).get("images", NOTHING)),
        )
        for card, means in ((card, _lesions(card).get("mean", {})) for card in lesion_cards)
    ]
    heads = (_("Lesion network"), _("Mean AP (95 %)"), _("Mean Dice"), _("Mean IoU"), _("FROC score (95 %)"),
             _("Photographs"))  # fmt: skip
    grade_rows = [
        (
            _versioned(card),
            _with_interval(card.validation, "referable_auc"),
            _with_interval(card.validation, "quadratic_kappa"),
            _with_interval(card.validation, "accuracy"),
            str(card.validation.get("images", NOTHING)),
        )
        for card in graders
    ]
    grade_heads = (_("Grader"), _("AUC of referable disease (95 %)"), _("Weighted kappa (95 %)"),
                   _("Accuracy (95 %)"), _("Photographs"))  # fmt: skip
    return _section(
        _("In short"),
        [words.overview()],
        tables=[
            *([_table(heads, rows, (46, 37, 20, 20, 33, 21))] if rows else []),
            *([_table(grade_heads, grade_rows, (46, 40, 37, 33, 21))] if grade_rows else []),
        ],
    )


def _data(cards: Sequence[ModelCard]) -> Section:
    most: dict[str, tuple[int, str, str]] = {}
    for card in cards:
        for source in card.training_data:
            images = max(source.images, most.get(source.name, (0, "", ""))[0])
            most[source.name] = (images, source.licence, source.source)
    rows = [(name, f"{images:,}", licence, source) for name, (images, licence, source) in most.items()]
    heads = (_("Data set"), _("Training photographs"), _("Licence"), _("Source"))
    return _section(
        _("Data"),
        [words.split()],
        tables=[_table(heads, rows, (62, 24, 36, 55))] if rows else [],
    )


def _lesion_network(card: ModelCard) -> Section:
    figures, normals = _lesions(card), card.validation.get("normal_eyes", {})
    area = normals.get("false_positive_area_percent", {})
    rows = []
    for lesion in card.lesions:
        own = figures.get(lesion, {})
        rows.append(
            (
                f"{lesion} · {Lesion(lesion).label}",
                _with_interval(own, "ap"),
                _number(own.get("aupr_33_points")),
                _with_interval(own, "dice"),
                _number(own.get("dice_per_image")),
                _number(own.get("iou")),
                _with_interval(own, "froc_score"),
                _number(card.thresholds.get(lesion)),
                _number(area.get(lesion), 4),
            )
        )
    heads = (_("Lesion"), _("AP (95 %)"), _("AUPR, 33 thresholds"), _("Dice (95 %)"), _("Dice, mean of photographs"),
             _("IoU"), _("FROC score (95 %)"), _("Threshold"), _("Marked on normal eyes, % of field"))  # fmt: skip
    return _section(
        _("Lesions: %(network)s, version %(version)s") % {"network": network_label(card.name), "version": card.version},
        [_network_sentence(card), *([card.notes] if card.notes else [])],
        tables=[_table(heads, rows, (33, 24, 18, 24, 20, 12, 24, 16, 18))],
        charts=[
            (caption, f"{card.name}-{name}")
            for name, caption, curve in (
                ("precision_recall", _("Precision over recall, all pixels"), "precision_recall_curve"),
                ("froc", _("Lesions found over false marks"), "froc_curve"),
            )
            if any(figures.get(lesion, {}).get(curve) for lesion in card.lesions)
        ],
    )


def _network_sentence(card: ModelCard) -> str:
    network = card.network
    return _(
        "Network %(architecture)s, encoder %(encoder)s with %(stages)d stages; input %(size)d × %(size)d px; "
        "weights %(sha)s."
    ) % {
        "architecture": network.architecture,
        "encoder": network.encoder,
        "stages": network.encoder_depth,
        "size": card.input_size,
        "sha": card.sha256[:16],
    }


def _lesions_beside_others(cards: Sequence[ModelCard]) -> Section:
    ours, seed = _("this system"), _("seed report")
    heads = (_("Network"), *Lesion.values, _("Mean"))
    widths = (87, 18, 18, 18, 18, 18)

    def rows(others: Iterable[published.LesionResult], figure: str, whose: str) -> list[tuple[str, ...]]:
        theirs = [(f"{each.network} · {whose}", *map(_number, each.values), _number(each.mean)) for each in others]
        own = [
            (f"{network_label(card.name)} {card.version} · {ours}",
             *(_number(_lesions(card).get(lesion, {}).get(figure)) for lesion in Lesion.values),
             _number(_mean_of(card, figure)))
            for card in cards
        ]  # fmt: skip
        return [*theirs, *own]

    single = published.SEED_SINGLE_DICE
    challenge = published.IDRID_CHALLENGE
    return _section(
        _("Lesions: beside the figures of others"),
        [words.seed_lesions()],
        tables=[
            _table((f"Dice, {heads[0]}", *heads[1:]), rows([*published.SEED_DICE, single], "dice", seed), widths),
            _table((f"IoU, {heads[0]}", *heads[1:]), rows(published.SEED_IOU, "iou", seed), widths),
            _table(
                (f"AUPR, {heads[0]}", *heads[1:]),
                rows([challenge], "aupr_33_points", _("best of all teams per lesion")),
                widths,
            ),
        ],
        notes=[words.challenge()],
    )


def _grader(card: ModelCard) -> Section:
    stated = card.validation
    return _section(
        _("Grades: %(network)s, version %(version)s") % {"network": network_label(card.name), "version": card.version},
        [
            _network_sentence(card),
            _("%(images)s photographs of %(patients)s patients, graded by the data set's own readers.")
            % {"images": stated.get("images", NOTHING), "patients": stated.get("patients", NOTHING)},
            *([card.notes] if card.notes else []),
        ],
        tables=[_grade_figures(card), *_operating_points(card), _grades_beside_others(card)],
        charts=[
            (caption, f"{card.name}-{name}")
            for name, caption, curve in (
                ("roc", _("Referable disease"), "roc_curve"),
                ("confusion", _("Confusion matrix"), "confusion"),
                ("reliability", _("Reliability"), "reliability"),
            )
            if stated.get(curve)
        ],
        notes=[words.other_grades()],
    )


def _grade_figures(card: ModelCard) -> Table:
    stated = card.validation
    names = (("accuracy", _("Accuracy")), ("quadratic_kappa", _("Quadratic weighted kappa")),
             ("macro_auc", _("AUC, mean over the grades")),
             ("referable_auc", _("AUC, referable retinopathy (grade 2 and above)")),
             ("ece", _("Expected calibration error")),
             ("ece_before_scaling", _("Expected calibration error before temperature scaling")))  # fmt: skip
    rows = [(label, _with_interval(stated, name)) for name, label in names]
    bounds = stated.get("recall_per_grade_interval") or [None] * 5
    rows += [
        (_("Recall of grade %(grade)d") % {"grade": grade}, _bracketed(value, bounds[grade]))
        for grade, value in enumerate(stated.get("recall_per_grade", []))
    ]
    return _table((_("Figure"), _("Value (95 %)")), rows, (117, 60))


def _operating_points(card: ModelCard) -> list[Table]:
    points = card.validation.get("operating_points", {})
    labels = {"high_sensitivity": _("High sensitivity"), "high_specificity": _("High specificity")}
    rows = [
        (labels.get(name, name), _number(point["threshold"]), _with_interval(point, "sensitivity"),
         _with_interval(point, "specificity"))
        for name, point in points.items()
    ]  # fmt: skip
    heads = (_("Operating point, referable disease"), _("From a probability of"), _("Sensitivity (95 %)"),
             _("Specificity (95 %)"))  # fmt: skip
    return [_table(heads, rows, (72, 35, 35, 35))] if rows else []


def _grades_beside_others(card: ModelCard) -> Table:
    stated = card.validation
    rows = [
        (_("ResNet50 · seed report"), _number(published.SEED_ACCURACY), _number(published.SEED_AUC)),
        ("Gulshan et al. 2016", NOTHING, _number(published.GULSHAN_AUC)),
        (f"{network_label(card.name)} {card.version} · {_('this system')}", _number(stated.get("accuracy")),
         _with_interval(stated, "referable_auc")),
    ]  # fmt: skip
    return _table((_("Beside the figures of others"), _("Accuracy"), "AUC"), rows, (87, 30, 60))


def _rule_grades(cards: Sequence[ModelCard]) -> list[Section]:
    measured = [(card, card.validation["rule_grades"]) for card in cards if "rule_grades" in card.validation]
    rows = []
    for card, stated in measured:
        point = stated.get("operating_points", {}).get("grade_2_and_above", {})
        rows.append(
            (_versioned(card), _with_interval(stated, "accuracy"), _with_interval(stated, "quadratic_kappa"),
             _with_interval(point, "sensitivity"), _with_interval(point, "specificity"),
             str(stated.get("images", NOTHING)))
        )  # fmt: skip
    heads = (_("Lesion network"), _("Accuracy (95 %)"), _("Weighted kappa (95 %)"), _("Sensitivity (95 %)"),
             _("Specificity (95 %)"), _("Photographs"))  # fmt: skip
    table = _table(heads, rows, (33, 33, 31, 31, 31, 18))
    return [_section(_("Grades by rule, from the lesions"), [words.rule_grades()], tables=[table])] if rows else []


def _versioned(card: ModelCard) -> str:
    return f"{network_label(card.name)}, {_('version')} {card.version}"


def _section(
    title: str,
    paragraphs: Iterable[str],
    *,
    tables: Iterable[Table] = (),
    charts: Iterable[tuple[str, str]] = (),
    notes: Iterable[str] = (),
) -> Section:
    return Section(title, list(paragraphs), list(tables), list(charts), list(notes))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[float]) -> Table:
    return Table(list(heads), [list(row) for row in rows], list(widths))


def _lesions(card: ModelCard) -> Mapping[str, Any]:
    found: Mapping[str, Any] = card.validation.get("lesions", {})
    return found


def _mean_of(card: ModelCard, figure: str) -> float | None:
    values = [_lesions(card).get(lesion, {}).get(figure) for lesion in Lesion.values]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _with_interval(stated: Mapping[str, Any], name: str) -> str:
    return _bracketed(stated.get(name), stated.get(f"{name}_interval"))


def _bracketed(value: float | None, bounds: Sequence[float | None] | None) -> str:
    if bounds is None or value is None:
        return _number(value)
    return f"{_number(value)} ({_number(bounds[0])}–{_number(bounds[1])})"


def _number(value: float | None, digits: int = 3) -> str:
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.{digits}f}"

"""The figures of a model card as pictures: PNG files, drawn without a screen.

The words on them are the caller's, so that one drawing serves every language.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from inference.cards import ModelCard
from inference.lesions import LESION_NAMES

Points = Sequence[Sequence[float]]

# Okabe and Ito's palette: apart under the common colour-vision deficiencies, and dark enough for lines on white.
LINE_COLOURS: Final = {"EX": "#e69f00", "SE": "#56b4e9", "HE": "#0072b2", "MA": "#009e73"}
_MAIN, _OTHER, _QUIET = "#0072b2", "#d55e00", "#8a97a3"
_SIZE: Final = (4.6, 3.9)  # inches
_DPI: Final = 180


@dataclass(frozen=True, slots=True)
class ChartWords:
    """What is written on the charts, and a font file for letters that DejaVu Sans has not."""

    recall: str = "recall"
    precision: str = "precision"
    sensitivity: str = "sensitivity"
    false_marks: str = "false marks per photograph"
    false_positive_rate: str = "1 - specificity"
    truth: str = "grade of the data set"
    predicted: str = "grade of the network"
    confidence: str = "mean probability"
    accuracy: str = "share of right answers"
    scaled: str = "with temperature"
    unscaled: str = "without"
    operating_point: str = "operating points"
    lesions: Mapping[str, str] = field(
        default_factory=lambda: {str(lesion): name for lesion, name in LESION_NAMES.items()}
    )
    font: Path | None = None


@dataclass(frozen=True, slots=True)
class _Axis:
    label: str
    low: float
    high: float
    ticks: Sequence[float] = ()  # given: the axis is logarithmic


@dataclass(frozen=True, slots=True)
class _Line:
    label: str
    points: Points
    colour: str
    style: str = "-"


def card_charts(card: ModelCard, words: ChartWords) -> dict[str, bytes]:
    """The charts that a card has figures for.

    Of a lesion network ``precision_recall`` and ``froc``; of a grader ``roc``, ``confusion`` and ``reliability``.
    """
    stated = card.validation
    charts: dict[str, bytes | None] = {}
    if card.kind == "segmentation":
        lesions = stated.get("lesions", {})
        charts["precision_recall"] = _precision_recall(_curves(lesions, "precision_recall_curve", words), words)
        charts["froc"] = _froc(_curves(lesions, "froc_curve", words), words)
    else:
        charts["roc"] = _roc(stated, words)
        charts["confusion"] = _confusion(stated.get("confusion"), words)
        charts["reliability"] = _reliability(stated, words)
    return {name: png for name, png in charts.items() if png is not None}


def _curves(lesions: Mapping[str, Any], curve: str, words: ChartWords) -> list[_Line]:
    return [
        _Line(words.lesions[lesion], lesions[lesion][curve], LINE_COLOURS[lesion])
        for lesion in LINE_COLOURS
        if lesions.get(lesion, {}).get(curve)
    ]


def _precision_recall(curves: list[_Line], words: ChartWords) -> bytes | None:
    return _lines(curves, _Axis(words.recall, 0, 1), _Axis(words.precision, 0, 1), words)


def _froc(curves: list[_Line], words: ChartWords) -> bytes | None:
    # Where nothing is marked falsely the logarithmic axis has no place: such points are put on its left end.
    ticks = (0.125, 0.25, 0.5, 1, 2, 4, 8, 16)
    shown = [
        _Line(line.label, sorted((max(x, ticks[0]), y) for x, y in line.points if y is not None), line.colour)
        for line in curves
    ]
    x = _Axis(words.false_marks, ticks[0], ticks[-1], ticks)
    return _lines([line for line in shown if line.points], x, _Axis(words.sensitivity, 0, 1), words)


def _roc(stated: Mapping[str, Any], words: ChartWords) -> bytes | None:
    points = [
        (1 - point["specificity"], point["sensitivity"])
        for point in stated.get("operating_points", {}).values()
        if None not in (point["specificity"], point["sensitivity"])
    ]
    curve = stated.get("roc_curve")
    lines = [_Line("", curve, _MAIN)] if curve else []
    if points and lines:
        lines.append(_Line(words.operating_point, points, _OTHER, "o"))
    return _lines(lines, _Axis(words.false_positive_rate, 0, 1), _Axis(words.sensitivity, 0, 1), words, diagonal=True)


def _reliability(stated: Mapping[str, Any], words: ChartWords) -> bytes | None:
    lines = [
        _Line(label, [(confidence, accuracy) for _answers, confidence, accuracy in stated[name]], colour, "o-")
        for name, label, colour in (
            ("reliability_before_scaling", words.unscaled, _QUIET),
            ("reliability", words.scaled, _MAIN),
        )
        if stated.get(name)
    ]
    return _lines(lines, _Axis(words.confidence, 0, 1), _Axis(words.accuracy, 0, 1), words, diagonal=True)


def _lines(lines: Iterable[_Line], x: _Axis, y: _Axis, words: ChartWords, *, diagonal: bool = False) -> bytes | None:
    lines = list(lines)
    if not lines:
        return None
    figure, axes, font = _sheet(words)
    if diagonal:
        axes.plot([0, 1], [0, 1], color=_QUIET, linewidth=0.8, linestyle=":")
    for line in lines:
        axes.plot(*zip(*line.points, strict=True), line.style, color=line.colour, label=line.label, markersize=4)
    for set_scale, set_limits, set_label, set_ticks, axis in (
        (axes.set_xscale, axes.set_xlim, axes.set_xlabel, axes.set_xticks, x),
        (axes.set_yscale, axes.set_ylim, axes.set_ylabel, axes.set_yticks, y),
    ):
        if axis.ticks:
            set_scale("log", base=2)
            set_ticks(axis.ticks, [f"{tick:g}" for tick in axis.ticks])
        set_limits(axis.low, axis.high)
        set_label(axis.label, fontproperties=font)
    axes.grid(visible=True, color="#e3e8ec", linewidth=0.6)
    if any(line.label for line in lines):
        axes.legend(prop=font, frameon=False)
    return _png(figure)


def _confusion(counts: Sequence[Sequence[int]] | None, words: ChartWords) -> bytes | None:
    if not counts:
        return None
    figure, axes, font = _sheet(words)
    # Shade by the share of the true grade: else the many healthy eyes would leave all other rows white.
    shares = [[cell / max(1, sum(row)) for cell in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, cells in enumerate(counts):
        for column, cell in enumerate(cells):
            colour = "white" if shares[row][column] > 0.5 else "#1b2733"
            axes.text(column, row, str(cell), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(counts)))
    axes.set_yticks(range(len(counts)))
    axes.set_xlabel(words.predicted, fontproperties=font)
    axes.set_ylabel(words.truth, fontproperties=font)
    return _png(figure)


def _sheet(words: ChartWords) -> tuple[Any, Any, Any]:
    # Without pyplot: that keeps one state for the whole process, and web workers draw in threads.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    families = ["DejaVu Sans", *([_family(words.font)] if words.font else [])]
    return figure, figure.subplots(), FontProperties(family=families, size=10)


@cache
def _family(font: Path) -> str:
    from matplotlib.font_manager import fontManager, get_font

    fontManager.addfont(str(font))
    return str(get_font(str(font)).family_name)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()

"""Geometry of small charts, drawn as inline SVG by templates/includes/chart_*.html; styled by classes alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 160  # of the plot, in SVG units
_GAP = 0.25  # of a group's width


@dataclass(frozen=True)
class Column:
    """A rectangle; `series` numbers its colour."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True)
class Label:
    """A word below the plot, centred on `x`."""

    x: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Columns in groups, one group a label."""

    columns: list[Column]
    labels: list[Label]
    highest: float
    width: int = WIDTH
    height: int = HEIGHT


def column_chart(names: Sequence[str], groups: Sequence[tuple[str, Sequence[float | None]]]) -> Chart:
    """Groups of columns side by side: a label and one value per series (`names`); None and 0 draw nothing."""
    highest = max((value or 0 for _text, values in groups for value in values), default=0)
    span = WIDTH / max(1, len(groups))
    width = span * (1 - _GAP) / max(1, len(names))
    columns = [
        Column(
            x=round(span * (place + _GAP / 2) + width * series, 2),
            y=round(HEIGHT * (1 - value / highest), 2),
            width=round(width, 2),
            height=round(HEIGHT * value / highest, 2),
            series=series,
            title=f"{text}, {names[series]}: {value:g}",
        )
        for place, (text, values) in enumerate(groups)
        for series, value in enumerate(values)
        if value and value > 0
    ]
    step = max(1, len(groups) // 12)  # more labels would overlap
    labels = [
        Label(round(span * (place + 0.5), 2), text) for place, (text, _values) in enumerate(groups) if place % step == 0
    ]
    return Chart(columns, labels, highest)

"""The pictures of a run folder: curves of loss and figures, truth beside prediction."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inference.charts import LINE_COLOURS
from inference.field_of_view import Rgb
from inference.lesions import LESION_COLOURS, LESION_NAMES, LESIONS
from inference.overlay import render_overlay
from inference.preprocessing import resize_square

PANELS: Final = 4
_SIDE: Final = 480


@dataclass(frozen=True, slots=True)
class LesionPanel:
    """A photograph ``S x S x 3``, and its lesions ``S x S`` bool by name, as outlined and as found."""

    name: str
    rgb: Rgb
    truth: dict[str, NDArray[np.bool_]]
    found: dict[str, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class GradePanel:
    """A photograph ``S x S x 3``, its grade, and the probabilities of the grades 0 ... 4."""

    name: str
    rgb: Rgb
    truth: int
    probability: NDArray[np.floating[Any]]


def draw_curves(metrics: Path, out: Path) -> None:
    """Draw what ``metrics.jsonl`` holds over the steps: the loss and the validation figures, those per lesion apart."""
    pictures: defaultdict[str, defaultdict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    for line in metrics.read_text(encoding="utf-8").splitlines():
        values = json.loads(line)
        step = values.pop("step")
        for name, value in values.items():
            where, _, measure = name.partition("/")
            if name == "loss":
                pictures["training loss"]["loss"].append((step, value))
            elif where == "val":  # "val/ap/EX" is drawn under "ap", "val/score" under "validation"
                kind, _, lesion = measure.rpartition("/")
                pictures[kind or "validation"][lesion].append((step, value))
    figure = Figure(figsize=(5.2 * max(1, len(pictures)), 4), layout="constrained")
    for axes, (title, series) in zip(
        figure.subplots(1, len(pictures), squeeze=False)[0], pictures.items(), strict=True
    ):
        for name, points in series.items():
            axes.plot(*zip(*points, strict=True), marker=".", label=name, color=LINE_COLOURS.get(name))
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    _save(figure, out)


def draw_lesions(panels: Sequence[LesionPanel], out: Path) -> None:
    """One row per photograph: as it is, with the outlined lesions, with those found."""
    figure = Figure(figsize=(9, 3.1 * len(panels) + 0.4), layout="constrained")
    for row, panel in zip(figure.subplots(len(panels), 3, squeeze=False), panels, strict=True):
        rgb = resize_square(panel.rgb, _SIDE)
        pictures = (rgb, render_overlay(rgb, _shrink(panel.truth)), render_overlay(rgb, _shrink(panel.found)))
        for axes, picture, title in zip(row, pictures, (panel.name, "truth", "prediction"), strict=True):
            _show(axes, picture, title)
    shown = [lesion for lesion in LESIONS if lesion in panels[0].found]
    colours = [(LESION_NAMES[lesion], np.array(LESION_COLOURS[lesion]) / 255) for lesion in shown]
    handles = [figure.axes[0].scatter([], [], color=[colour], label=name) for name, colour in colours]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize="small")
    _save(figure, out)


def draw_grades(panels: Sequence[GradePanel], confusion: NDArray[np.integer[Any]], out: Path) -> None:
    """Photographs with their grade and the predicted probabilities; the confusion matrix (rows: truth) at the end."""
    figure = Figure(figsize=(2.6 * (len(panels) + 1.3), 5), layout="constrained")
    grid = figure.add_gridspec(2, len(panels) + 1, width_ratios=[1.0] * len(panels) + [1.6])
    for column, panel in enumerate(panels):
        _show(figure.add_subplot(grid[0, column]), resize_square(panel.rgb, _SIDE), panel.name)
        bars = figure.add_subplot(grid[1, column])
        colours = ["tab:green" if grade == panel.truth else "tab:grey" for grade in range(len(panel.probability))]
        bars.bar(range(len(panel.probability)), panel.probability, color=colours)
        bars.set(
            ylim=(0, 1), xlabel="grade", title=f"truth {panel.truth}, prediction {int(panel.probability.argmax())}"
        )
    axes = figure.add_subplot(grid[:, -1])
    axes.imshow(confusion, cmap="Blues")
    for (truth, said), count in np.ndenumerate(confusion):
        colour = "white" if count > confusion.max() / 2 else "black"
        axes.text(said, truth, str(count), ha="center", va="center", color=colour)
    axes.set(title="confusion", xlabel="prediction", ylabel="truth")
    _save(figure, out)


def _shrink(masks: dict[str, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
    # Any covered pixel counts: a microaneurysm must not vanish from the picture.
    def shrink(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return cv2.resize(mask.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) > 0

    return {name: shrink(mask) for name, mask in masks.items()}


def _show(axes: Any, picture: Rgb, title: str) -> None:
    axes.imshow(picture)
    axes.set_title(title, fontsize="small")
    axes.set_axis_off()


def _save(figure: Figure, out: Path) -> None:
    scratch = out.with_suffix(".tmp")
    figure.savefig(scratch, format="png", dpi=110)
    scratch.replace(out)

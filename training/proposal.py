"""A run's weights as a proposed version, beside the active one on the same held-back photographs."""

from __future__ import annotations

import logging
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

from inference.cards import finite
from inference.engines.equivalence import REDUCED, write_record
from inference.registry import InstalledModel
from training.config import load_config
from training.datasets import DatasetError, Record
from training.datasets.selection import records_of
from training.evaluation.equivalence import measure_engines
from training.evaluation.measure import measure
from training.evaluation.weights import Weights, load_weights
from training.export import freeze
from training.release import release

logger = logging.getLogger(__name__)


def prepare_proposal(run: Path, folder: Path, *, version: str, active: Path | None) -> dict[str, Any]:
    """Export a run's weights into ``folder`` and measure them, and those in ``active``, on the split ``test``.

    Thresholds and temperature are those of each card, chosen on other photographs. The card takes over what the
    active version was trained on where the run started from weights. Engines in fewer bits that work on this machine
    are measured on the split ``val``: without that record the version runs in float32 alone. Raises ``DatasetError``
    where nothing was held back.
    """
    config = load_config(run / "config.toml")
    held = records_of(config, config.data.labelled, "test")
    if not held:
        raise DatasetError("No photograph of the run's data sets is in the split test: nothing was held back.")
    before = load_weights(active) if active else None
    card = release(run, folder, version=version, half_turn=before is not None and before.card.half_turn)
    if before is not None and config.initial_weights:
        known = {source.name for source in card.training_data}
        inherited = tuple(source for source in before.card.training_data if source.name not in known)
        card = freeze(folder, card, training_data=(*card.training_data, *inherited))
    if seen := records_of(config, config.data.labelled, "val"):
        _record_engines(InstalledModel(card, folder), seen)
    comparison = {
        "photographs": len(held),
        "data": list(config.data.labelled),
        "proposed": _measured(load_weights(folder), held),
        "active": _measured(before, held) if before else None,
    }
    return cast("dict[str, Any]", finite(comparison))


def _record_engines(model: InstalledModel, records: list[Record]) -> None:
    """In a process of its own: a library that dies on this machine takes the record along, and not the proposal."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        try:
            measured = child.submit(measure_engines, model, REDUCED, records, unavailable=logger.info).result()
        except BrokenProcessPool:
            logger.warning("the engines in fewer bits were not measured: the process died")
            return
    if measured:
        write_record(model, measured, f"{len(records)} validation photographs of the run")


def _measured(weights: Weights, records: list[Record]) -> dict[str, Any]:
    return {"version": weights.card.version, "sha256": weights.card.sha256} | measure(weights, records)

"""A run's weights as a proposed version, beside the active one on the same held-back photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from inference.cards import finite
from training.config import load_config
from training.datasets import DatasetError, Record
from training.datasets.selection import records_of
from training.evaluation.measure import measure
from training.evaluation.weights import Weights, load_weights
from training.export import freeze
from training.release import release


def prepare_proposal(run: Path, folder: Path, *, version: str, active: Path | None) -> dict[str, Any]:
    """Export a run's weights into ``folder`` and measure them, and those in ``active``, on the split ``test``.

    Thresholds and temperature are those of each card, chosen on other photographs. The card takes over what the
    active version was trained on where the run started from weights. Raises ``DatasetError`` where nothing was held
    back.
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
        freeze(folder, card, training_data=(*card.training_data, *inherited))
    comparison = {
        "photographs": len(held),
        "data": list(config.data.labelled),
        "proposed": _measured(load_weights(folder), held),
        "active": _measured(before, held) if before else None,
    }
    return cast("dict[str, Any]", finite(comparison))


def _measured(weights: Weights, records: list[Record]) -> dict[str, Any]:
    return {"version": weights.card.version, "sha256": weights.card.sha256} | measure(weights, records)

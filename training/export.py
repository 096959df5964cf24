"""From a run to weights that the product loads: fp16 safetensors with a card."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from inference.cards import ModelCard
from training.config import TrainingConfig
from training.datasets.licences import provenance
from training.datasets.records import require_file
from training.runs import load_tensors


def weights_of(run_path: Path, which: str = "best") -> dict[str, Tensor]:
    """Averaged weights of a run: ``best`` by validation, or ``last``. Heads that only served teaching are left out."""
    if which == "best":
        tensors, _ = load_tensors(require_file(run_path / "best.safetensors", "training run"))
    else:
        state, _ = load_tensors(require_file(run_path / "checkpoint.safetensors", "training run"))
        tensors = {name.removeprefix("average/"): t for name, t in state.items() if name.startswith("average/")}
    student = {name.removeprefix("student."): t for name, t in tensors.items() if name.startswith("student.")}
    return student or tensors


def write_weights(
    folder: Path,
    tensors: dict[str, Tensor],
    config: TrainingConfig,
    *,
    version: str,
    images: dict[str, int],
    notes: str,
) -> ModelCard:
    """Write ``model.safetensors`` and a ``card.json`` without figures yet (thresholds .5); the card."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.safetensors"
    half = {name: (t.half() if t.is_floating_point() else t).contiguous() for name, t in tensors.items()}
    if bad := [name for name, t in half.items() if t.is_floating_point() and not torch.isfinite(t).all()]:
        raise ValueError(f"weights that fp16 cannot hold: {', '.join(bad)}")
    save_file(half, file)
    spec = config.network
    card = ModelCard(
        name=config.name,
        kind="segmentation" if spec.is_segmentation else "grading",
        version=version,
        network=spec,
        input_size=config.input.size,
        normalisation=config.input.normalisation,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        lesions=spec.lesions,
        thresholds=dict.fromkeys(spec.lesions, 0.5),
        training_data=tuple(provenance(source, Path(config.data.root), count) for source, count in images.items()),
        notes=notes,
    )
    write_card(folder, card)
    return card


def write_card(folder: Path, card: ModelCard) -> None:
    """Write ``card.json`` atomically."""
    scratch = folder / "card.json.tmp"
    scratch.write_text(card.to_json(), encoding="utf-8")
    scratch.replace(folder / "card.json")


def freeze(folder: Path, card: ModelCard, **changes: Any) -> ModelCard:
    """Put what validation found (thresholds, temperature, figures) into the card."""
    frozen = replace(card, **changes)
    write_card(folder, frozen)
    return frozen

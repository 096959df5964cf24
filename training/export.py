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
from training.config import ConfigError, TrainingConfig
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


def blended(tensors: dict[str, Tensor], others: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """The mean of a network's weights and others', which count by ``share``; counters are the network's own.

    Between a network and what it became by further training lie ones that keep what it knew and gain most of what it
    learnt: Wortsman et al. 2022 (WiSE-FT, arXiv 2109.01903). Raises ``ConfigError`` where the tensors are others.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"the share of a blend lies between 0 and 1, not at {share:g}")
    if misfits := sorted(
        name for name in tensors.keys() | others.keys() if _shape(tensors, name) != _shape(others, name)
    ):
        raise ConfigError(f"the weights to blend are of another network: {', '.join(misfits[:3])} ...")
    return {
        name: (1 - share) * own.float() + share * others[name].float() if own.is_floating_point() else own
        for name, own in tensors.items()
    }


def _shape(tensors: dict[str, Tensor], name: str) -> torch.Size | None:
    return tensors[name].shape if name in tensors else None


def write_weights(
    folder: Path,
    tensors: dict[str, Tensor],
    config: TrainingConfig,
    *,
    version: str,
    images: dict[str, int],
    notes: str,
    half_turn: bool = False,
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
        half_turn=half_turn,
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

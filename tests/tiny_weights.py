"""Model folders of the real architectures with tiny, random networks: quick to load, worthless as medicine.

For tests alone, in every folder of tests. The product knows nothing of them: it is pointed here by DRWEB_WEIGHTS_DIR.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from inference.cards import DataSource, ModelCard, Normalisation
from inference.engines.equivalence import Measured, write_record
from inference.field_of_view import find_field_of_view
from inference.networks import build
from inference.networks.spec import NetworkSpec, lesion_probabilities
from inference.preprocessing import to_network
from inference.registry import InstalledModel

MODELS = ("unet", "unetplusplus", "manet", "grader")
INPUT_SIZE = 64
NORMALISATION = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
LESION_SHARE = 0.02
"""Thresholds are set so that each lesion covers about this share of scikit-image's retina."""


def write_tiny_models(folder: Path, names: Sequence[str] = MODELS, *, seed: int = 0) -> Path:
    """Write the named models into `folder`, ready for DRWEB_WEIGHTS_DIR; returns `folder`. Takes a second or two."""
    for name in names:
        write_tiny_model(folder / name, spec_of(name), seed=seed)
    return folder


def spec_of(name: str) -> NetworkSpec:
    if name == "grader":
        return NetworkSpec(architecture="resnet50", encoder="resnet50", head="classes")
    architecture = name.removesuffix("-lite")
    return NetworkSpec(architecture=architecture, encoder="resnet18", encoder_depth=3, decoder_channels=(32, 16, 8))


def write_tiny_model(folder: Path, spec: NetworkSpec, *, seed: int = 0, version: str = "0.0.0-test") -> ModelCard:
    """Write one model folder; its weights depend on `seed` alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = build(spec).eval()
    _set_running_statistics(module)
    half = {name: t.half() if t.is_floating_point() else t for name, t in module.state_dict().items()}
    content = save({name: t.contiguous() for name, t in half.items()})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(content)
    module.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in half.items()})
    card = ModelCard(
        name=folder.name,
        kind="segmentation" if spec.is_segmentation else "grading",
        version=version,
        network=spec,
        input_size=INPUT_SIZE,
        normalisation=NORMALISATION,
        sha256=hashlib.sha256(content).hexdigest(),
        date="2024-01-01",
        lesions=spec.lesions,
        thresholds=_thresholds(module, spec),
        training_data=(DataSource("none", "none", "random numbers", 0),),
        notes="Random weights for tests.",
    )
    (folder / "card.json").write_text(card.to_json(), encoding="utf-8")
    return card


def record_measured(model: InstalledModel, engine: str, **facts: Any) -> None:
    """Have it that this engine was measured with the weights of `model`, and changed nothing; `facts` say otherwise."""
    dice = dict.fromkeys(model.card.lesions, 0.5)
    facts = {"photographs": 9, "probability_difference": 0.02, "dice": dice, "reference_dice": dice} | facts
    write_record(model, {engine: Measured(engine=engine, **facts)}, "some")


def _retina() -> torch.Tensor:
    from skimage import data

    rgb = data.retina()
    batch, _ = to_network(rgb, find_field_of_view(rgb), INPUT_SIZE, NORMALISATION.mean, NORMALISATION.std)
    return torch.from_numpy(batch)


def _set_running_statistics(module: nn.Module) -> None:
    """Let batch normalisation see one retina: without that, a random network says the same everywhere."""
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in norms:
        layer.momentum = 1.0
    module.train()
    with torch.inference_mode():
        module(torch.cat([_retina(), _retina().flip(3)]))
    module.eval()


def _thresholds(module: nn.Module, spec: NetworkSpec) -> dict[str, float]:
    if not spec.is_segmentation:
        return {}
    with torch.inference_mode():
        probabilities = lesion_probabilities(module(_retina())[0].numpy(), spec)
    levels = np.quantile(probabilities.reshape(len(spec.lesions), -1), 1 - LESION_SHARE, axis=1)
    return {lesion: float(np.clip(level, 0.01, 0.99)) for lesion, level in zip(spec.lesions, levels, strict=True)}

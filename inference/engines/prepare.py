"""Child process: convert a network for OpenVINO and try it.

Usage: python -m inference.engines.prepare MODEL_FOLDER TARGET_FOLDER bf16|f32
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import openvino

from inference.cards import ModelCard
from inference.engines.openvino_engine import NETWORK_FILE, compile_network, trial_marker
from inference.registry import CARD_FILE, InstalledModel


def main(model_folder: str, target: str, precision: str) -> None:
    """Convert unless that is done; then compile, run once, and leave the marker that says that it works."""
    folder = Path(model_folder)
    card = ModelCard.from_json((folder / CARD_FILE).read_text(encoding="utf-8"))
    if not (Path(target) / NETWORK_FILE).exists():
        _convert(InstalledModel(card=card, folder=folder), Path(target))
    compiled = compile_network(Path(target) / NETWORK_FILE, precision)
    logits = compiled(np.zeros((1, 3, card.input_size, card.input_size), np.float32))[0]
    if not np.isfinite(logits).all():
        raise ArithmeticError("the network's outputs are not finite")
    (Path(target) / trial_marker(precision)).touch()


def _convert(model: InstalledModel, target: Path) -> None:
    import torch

    from inference.engines.pytorch_engine import load_module

    card = model.card
    module = load_module(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates its tracer, which is what OpenVINO reads best
        # Traced small, which is quick, then given its real size: the networks are fully convolutional.
        side = 4 * card.network.stride
        traced = torch.jit.trace(module, torch.zeros(1, 3, side, side), check_trace=False)
        network = openvino.convert_model(traced, input=[1, 3, card.input_size, card.input_size])
    target.parent.mkdir(parents=True, exist_ok=True)
    # Moved into place whole: two workers that start together, or one that is killed, leave no half-made network.
    staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".making-"))
    try:
        openvino.save_model(network, staging / NETWORK_FILE, compress_to_fp16=False)
        try:
            staging.rename(target)
        except OSError:
            if not (target / NETWORK_FILE).exists():
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

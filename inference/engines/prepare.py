"""Child process: convert a network for OpenVINO, compile it, and try it.

Usage: python -m inference.engines.prepare MODEL_FOLDER TARGET_FILE bf16|f32|int8
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from inference.cards import ModelCard
from inference.engines.openvino_engine import compile_options, import_network
from inference.engines.ranges import insert
from inference.registry import CARD_FILE, InstalledModel


def main(model_folder: str, target: str, precision: str) -> None:
    """Write the compiled network to `target`, after a run of what will be read from there."""
    folder = Path(model_folder)
    card = ModelCard.from_json((folder / CARD_FILE).read_text(encoding="utf-8"))
    model = InstalledModel(card=card, folder=folder)
    network = converted(model)
    if precision == "int8":
        insert(model, network)
    content = openvino.Core().compile_model(network, "CPU", compile_options(precision)).export_model().getvalue()
    compiled = import_network(np.frombuffer(content, np.uint8), precision)
    logits = compiled(np.zeros((1, 3, card.input_size, card.input_size), np.float32))[0]
    if not np.isfinite(logits).all():
        raise ArithmeticError("the network's outputs are not finite")
    _write_whole(Path(target), content)


def converted(model: InstalledModel) -> Any:
    """The network with its checked weights as an `openvino.Model`, in float32, at the input size of its card."""
    import torch

    from inference.engines.pytorch_engine import load_module

    card = model.card
    module = load_module(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates its tracer, which is what OpenVINO reads best
        # Traced small, which is quick, then given its real size: the networks are fully convolutional.
        side = 4 * card.network.stride
        traced = torch.jit.trace(module, torch.zeros(1, 3, side, side), check_trace=False)
        return openvino.convert_model(traced, input=[1, 3, card.input_size, card.input_size])


def _write_whole(target: Path, content: bytes) -> None:
    """With its digest, and moved into place: one that is killed does no harm."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".making-", delete=False) as file:
        try:
            file.write(content)
            file.write(hashlib.sha256(content).digest())
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink()
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])

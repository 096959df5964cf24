"""Child process: do weights fit the architecture that their card states, and does the network run?

Usage: python -m inference.model_check MODEL_FOLDER. Ends with status 0, or with the fault as the last line of stderr.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from inference.cards import ModelCard
from inference.engines.base import EngineUnavailable
from inference.engines.pytorch_engine import load_module
from inference.engines.ranges import read_ranges
from inference.networks import build
from inference.registry import CARD_FILE, RANGES_FILE, WEIGHTS_FILE, InstalledModel

Shapes = dict[str, tuple[int, ...]]

_FLOATS = ("F16", "BF16", "F32")


def main(folder: Path) -> None:
    """Exit with the fault, if there is one."""
    card = ModelCard.from_json((folder / CARD_FILE).read_text(encoding="utf-8"))
    model = InstalledModel(card, folder)
    if fault := _shapes_fault(card, folder / WEIGHTS_FILE) or _ranges_fault(model) or _trial_fault(model):
        sys.exit(fault)


def _shapes_fault(card: ModelCard, weights: Path) -> str:
    """Names, shapes and number formats against the architecture's; read from the file's header alone."""
    try:
        with safe_open(weights, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            found = {name: (tuple(each.get_shape()), each.get_dtype()) for name, each in slices.items()}
    except SafetensorError as error:
        return f"the weights file cannot be read: {error}"
    # On "meta" nothing is allocated: a card may name an architecture of any size.
    with torch.device("meta"):
        wanted = build(card.network).state_dict()
    if absent := sorted(wanted.keys() - found.keys()):
        return f"tensors are missing: {_some(absent)}"
    if foreign := sorted(found.keys() - wanted.keys()):
        return f"tensors that the architecture does not have: {_some(foreign)}"
    for name, tensor in wanted.items():
        shape, dtype = found[name]
        if shape != tuple(tensor.shape):
            return f"tensor {name} has the shape {shape} in place of {tuple(tensor.shape)}"
        if tensor.is_floating_point() != (dtype in _FLOATS):
            return f"tensor {name} has the number format {dtype}"
    return ""


def _ranges_fault(model: InstalledModel) -> str:
    if not (model.folder / RANGES_FILE).exists():
        return ""
    try:
        read_ranges(model)
    except EngineUnavailable as error:
        return str(error)
    return ""


def _trial_fault(model: InstalledModel) -> str:
    """Whether all numbers are finite, and a blank picture gives finite logits of the right shape."""
    network = load_module(model)
    tensors = network.state_dict()
    if bad := [name for name, t in tensors.items() if t.is_floating_point() and not torch.isfinite(t).all()]:
        return f"numbers that are not finite in {_some(bad)}"
    spec = model.card.network
    # Small, which is quick; the lesion-aware grader looks for five cells, and says so where its own input has fewer.
    side = min(4 * spec.stride, model.card.input_size)
    with torch.inference_mode():
        logits = network(torch.zeros(1, 3, side, side))
    shape = (1, spec.outputs, side, side) if spec.is_segmentation else (1, spec.outputs)
    if tuple(logits.shape) != shape or not torch.isfinite(logits).all():
        return f"a blank picture gives {tuple(logits.shape)} logits that are not all finite, or not {shape}"
    return ""


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Which values of a network are rounded to 8 bits, and over which ranges: `int8.safetensors` beside its weights.

`manage.py quantise_network` chooses the ranges on photographs; here they are put into the network as OpenVINO has
converted it. Every operation between ranges then runs in integers, all others stay in float32. Free of torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from openvino import opset13
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from inference.engines.base import EngineUnavailable
from inference.registry import RANGES_FILE, InstalledModel

Input = tuple[int, int]
"""Of an operation: its place in `operations`, and which of its inputs."""
LEVELS: Final = {"values": 256, "weights": 255}
"""Steps in a range; those of weights lie evenly around 0."""


@dataclass(frozen=True, slots=True)
class Range:
    """What reaches ``inputs``, all from one source, is rounded to the ``LEVELS`` of its ``kind``.

    ``low`` and ``high`` are float32, for all values or by channel.
    """

    kind: str
    inputs: tuple[Input, ...]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @property
    def name(self) -> str:
        """As in the file: "values.4.0+216.0"."""
        return f"{self.kind}." + "+".join(f"{place}.{number}" for place, number in self.inputs)

    @classmethod
    def named(cls, name: str, limits: NDArray[np.float32]) -> Self:
        """From the file; ValueError where it is none."""
        kind, _, inputs = name.partition(".")
        pairs = [pair.split(".") for pair in inputs.split("+")]
        if kind not in LEVELS or limits.dtype != np.float32 or not np.isfinite(limits).all():
            raise ValueError(f"{name} is no range")
        low, high = (-limits, limits) if kind == "weights" else limits
        if not (low < high).all():
            raise ValueError(f"{name} is empty")
        return cls(kind, tuple((int(place), int(number)) for place, number in pairs), low, high)


def read_ranges(model: InstalledModel) -> tuple[list[Range], str]:
    """The ranges of exactly these weights, and the digest of the converted network that they are for.

    Raises EngineUnavailable: there are none, the file is damaged, or it is for other weights.
    """
    path = model.folder / RANGES_FILE
    if not path.is_file():
        raise EngineUnavailable(f"there is no {RANGES_FILE} beside its weights")
    try:
        with safe_open(path, "numpy") as file:
            facts: Mapping[str, str] = file.metadata() or {}
            if facts.get("weights") != model.card.sha256:
                raise EngineUnavailable(f"{RANGES_FILE} is for other weights")
            return [Range.named(name, file.get_tensor(name)) for name in sorted(file.keys())], facts["network"]
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise EngineUnavailable(f"{RANGES_FILE} is damaged: {error}") from error


def write_ranges(model: InstalledModel, ranges: Iterable[Range], network: Any, facts: Mapping[str, str]) -> Path:
    """Keep the ranges for `network`, as converted from the weights of `model`; `facts` say how they came about."""
    path = model.folder / RANGES_FILE
    limits = {
        each.name: np.ascontiguousarray(each.high if each.kind == "weights" else np.stack([each.low, each.high]))
        for each in ranges
    }
    path.write_bytes(save(limits, {**facts, "weights": model.card.sha256, "network": digest(network)}))
    return path


def ranges_sha256(model: InstalledModel) -> str:
    """Of the file. Raises EngineUnavailable where there is none."""
    try:
        return hashlib.sha256((model.folder / RANGES_FILE).read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise EngineUnavailable(f"there is no {RANGES_FILE} beside its weights") from error


def operations(network: Any) -> list[Any]:
    """Those of a converted network, in an order that follows from the network alone. Their names do not."""
    return [each for each in network.get_ordered_ops() if each.get_type_name() not in ("Constant", "FakeQuantize")]


def digest(network: Any) -> str:
    """Tells one way of converting a network from another: hexadecimal SHA-256 of its operations, shapes and links."""
    found = operations(network)
    places = {each.get_friendly_name(): place for place, each in enumerate(found)}
    lines = []
    for each in found:
        sources = [source.get_node().get_friendly_name() for source in each.input_values()]
        shapes = [output.get_partial_shape() for output in each.outputs()]
        lines.append(f"{each.get_type_name()} {[places.get(name, -1) for name in sources]} {shapes}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def insert(model: InstalledModel, network: Any) -> None:
    """Put the ranges of `model` into `network`, as it was converted from its weights.

    Raises EngineUnavailable where they are not for a network that was converted like this.
    """
    ranges, expected = read_ranges(model)
    if digest(network) != expected:
        raise EngineUnavailable(f"{RANGES_FILE} is for a network that another OpenVINO converted: quantise it again")
    found = operations(network)
    for each in ranges:
        inputs = [found[place].input(number) for place, number in each.inputs]
        source = inputs[0].get_source_output()
        rounded = opset13.fake_quantize(source, each.low, each.high, each.low, each.high, LEVELS[each.kind])
        for one in inputs:
            one.replace_source_output(rounded.output(0))
    network.validate_nodes_and_infer_types()

"""The ranges of the engine `openvino-int8`, chosen by NNCF on training photographs (see `inference.engines.ranges`).

Measured on IDRiD's training photographs: nearly all of the error comes from the first layers, where the photograph
still has its fine grain, so these stay in float32; correcting biases for the rounding makes it larger.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import openvino

from inference.cards import ModelCard
from inference.engines.base import FloatArray
from inference.engines.equivalence import forget
from inference.engines.prepare import converted
from inference.engines.ranges import LEVELS, Range, operations, write_ranges
from inference.field_of_view import find_field_of_view
from inference.preprocessing import to_network
from inference.registry import InstalledModel
from training.datasets.records import Record
from training.datasets.squares import read_rgb

FLOAT_STRIDE: Final = 4
"""All layers before the first convolution that gives less than a pixel in so many stay in float32."""


def quantise(model: InstalledModel, records: Sequence[Record]) -> Path:
    """Choose the ranges of ``model`` on ``records`` and write them beside its weights.

    What was measured of the engine with other ranges is taken out of its record. Raises ModelUnavailable, ImportError
    where NNCF is not installed.
    """
    card = model.card
    network = quantised(converted(model), card.input_size, [_pixels(card, record) for record in records])
    facts = {"openvino": openvino.__version__, "photographs": json.dumps([record.image.name for record in records])}
    path = write_ranges(model, ranges_of(network), converted(model), facts)
    forget(model, "openvino-int8")
    return path


def quantised(network: Any, input_size: int, batches: Sequence[FloatArray]) -> Any:
    """What NNCF makes of a converted network with pixels of ``1 x 3 x S x S`` to look at."""
    import nncf
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    kept = [each.get_friendly_name() for each in operations(network)[: _first_rounded(network, input_size)]]
    return nncf.quantize(
        network,
        nncf.Dataset(list(batches)),
        subset_size=len(batches),
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=nncf.IgnoredScope(names=kept, validate=False),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.DISABLE,  # for CPUs without VNNI, on which the engine does not run
            disable_bias_correction=True,
            # Lesions are rare, and the mean of the photographs' ranges would cut off what they alone bring about.
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
            backend_params={"compress_weights": False},  # as ranges, as everything else
        ),
    )


def ranges_of(network: Any) -> list[Range]:
    """The ranges in what ``quantised`` gives."""
    places = {each.get_friendly_name(): place for place, each in enumerate(operations(network))}
    found = []
    for node in network.get_ordered_ops():
        if node.get_type_name() != "FakeQuantize":
            continue
        source, *limits = (value.get_node() for value in node.input_values())
        low, high, *out = (limit.get_data() for limit in limits)
        kind = "weights" if source.get_type_name() == "Constant" else "values"
        exact = [
            np.array_equal(low, out[0]),
            np.array_equal(high, out[1]),
            kind == "values" or np.array_equal(-low, high),
        ]
        if not all(exact) or node.get_attributes()["levels"] != LEVELS[kind]:
            raise ValueError(f"{node.get_friendly_name()} rounds in a way that the engine does not know")
        targets = [
            (places[each.get_node().get_friendly_name()], each.get_index())
            for each in node.output(0).get_target_inputs()
        ]
        found.append(Range(kind, tuple(sorted(targets)), low, high))
    return found


def _first_rounded(network: Any, input_size: int) -> int:
    """Its place among the operations."""
    for place, each in enumerate(operations(network)):
        side = each.output(0).get_partial_shape()[-1].get_length() if "Convolution" in each.get_type_name() else 1
        if 1 < side < input_size // FLOAT_STRIDE:  # 1: what weighs channels sees the mean of all pixels
            return place
    raise ValueError(f"no convolution has a stride of more than {FLOAT_STRIDE}: nothing would be rounded")


def _pixels(card: ModelCard, record: Record) -> FloatArray:
    rgb = read_rgb(record.image)
    return to_network(rgb, find_field_of_view(rgb), card.input_size, card.normalisation.mean, card.normalisation.std)[0]

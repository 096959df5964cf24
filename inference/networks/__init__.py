"""The networks, by kind. Importing this package does not import torch; building a network does."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from inference.networks.spec import NetworkSpec

if TYPE_CHECKING:
    from torch import nn

__all__ = ["BUILDERS", "NetworkSpec", "build"]

# architecture -> module with ``build(spec)``
BUILDERS: Final[dict[str, str]] = {
    "unet": "inference.networks.segmentation",
    "unetplusplus": "inference.networks.segmentation",
    "manet": "inference.networks.segmentation",
    "resnet50": "inference.networks.grader",
    "lesion_resnet50": "inference.networks.grader",
}


def build(spec: NetworkSpec) -> nn.Module:
    """A network with random weights as ``spec`` describes it. Never downloads anything.

    Raises ``ValueError`` for an architecture that is not in ``BUILDERS``.
    """
    if spec.architecture not in BUILDERS:
        raise ValueError(f"unknown architecture {spec.architecture!r}; known: {', '.join(sorted(BUILDERS))}")
    network: nn.Module = import_module(BUILDERS[spec.architecture]).build(spec)
    return network

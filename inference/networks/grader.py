"""The grading network, by torchvision."""

from __future__ import annotations

from torch import nn
from torchvision.models import resnet50

from inference.networks.spec import NetworkSpec


def build(spec: NetworkSpec) -> nn.Module:
    """ResNet50 that maps ``N x 3 x S x S`` to ``N x 5`` grade logits (``classes``) or ``N x 4`` (``ordinal``)."""
    return resnet50(weights=None, num_classes=spec.outputs)

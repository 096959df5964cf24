"""Lesion segmentation networks, by segmentation-models-pytorch."""

from __future__ import annotations

from typing import Any, Final

import segmentation_models_pytorch as smp
import torch
from torch import nn

from inference.networks.spec import NetworkSpec

_ARCHITECTURES: Final[dict[str, Any]] = {"unet": smp.Unet, "unetplusplus": smp.UnetPlusPlus, "manet": smp.MAnet}


class _UnusedStage(nn.Module):
    """Stands where an encoder stage was cut off, so that its weights are neither kept nor shipped."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("this encoder stage was cut off: encoder_depth says that it is not used")


def build(spec: NetworkSpec) -> nn.Module:
    """``N x 3 x S x S`` to ``N x spec.outputs x S x S`` logits; ``S`` must be divisible by ``spec.stride``."""
    # encoder_weights=None: otherwise the library asks a download hub.
    options: dict[str, Any] = {"decoder_pab_channels": 64} if spec.architecture == "manet" else {}
    network: nn.Module = _ARCHITECTURES[spec.architecture](
        encoder_name=spec.encoder,
        encoder_depth=spec.encoder_depth,
        encoder_weights=None,
        decoder_channels=tuple(spec.decoder_channels),
        in_channels=3,
        classes=spec.outputs,
        activation=None,
        **options,
    )
    if spec.encoder == "se_resnet50" and spec.encoder_depth == 4:
        network.encoder.layer4 = _UnusedStage()  # type: ignore[union-attr]
    return network

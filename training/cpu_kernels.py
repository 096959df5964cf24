"""Working around slow CPU kernels, so that a training step costs what it should."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class _InFloat32:
    """Mixed into a convolution: takes it out of mixed precision."""

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.float()).to(features.dtype)  # type: ignore[misc]


def large_depthwise_in_float32(network: nn.Module) -> None:
    """Run depthwise convolutions wider than 3 x 3 in float32.

    oneDNN's bfloat16 backward pass of a channels-last 5 x 5 depthwise convolution takes three times as long as float32
    (144 channels at 96 x 96, batch 4, one Zen 4 core: 226 against 77 ms); 3 x 3 ones are faster in bfloat16.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1 and module.kernel_size[0] > 3:
            # Another class, not another bound method: copies of the network must use their own weights.
            own = type(module)
            module.__class__ = type(f"{own.__name__}InFloat32", (_InFloat32, own), {})

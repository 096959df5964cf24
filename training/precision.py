"""In which number format networks are trained and measured."""

from __future__ import annotations

import torch

from inference.engines.pytorch_engine import bf16_pays


def mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 for what gains by it; on a CPU that is slower in it than in float32, nothing."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu" or bf16_pays())

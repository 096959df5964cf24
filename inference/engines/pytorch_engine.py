"""PyTorch: the fallback on CPUs, the engine on CUDA, and where OpenVINO's copy of a network comes from."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import safetensors.torch
import torch
from torch import Tensor, nn

from inference.engines.base import EngineUnavailable, FloatArray, is_faster, thread_count
from inference.networks import build
from inference.registry import InstalledModel, load_weights

# engine name -> device, number format
_VARIANTS: dict[str, tuple[str, torch.dtype]] = {
    "pytorch": ("cpu", torch.float32),
    "pytorch-bf16": ("cpu", torch.bfloat16),
    "cuda": ("cuda", torch.float16),
    "cuda-f32": ("cuda", torch.float32),
}


def load_module(model: InstalledModel) -> nn.Module:
    """The network with its checked weights in float32, for evaluation on this process's share of the cores."""
    if threads := thread_count():
        torch.set_num_threads(threads)
    tensors = safetensors.torch.load(load_weights(model))
    module = build(model.card.network)
    # Shipped as fp16: upcast, so that every engine starts from the same numbers.
    module.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in tensors.items()})
    return module.eval().requires_grad_(False)


def cpu_has_bf16() -> bool:
    """Whether bfloat16 is computed by the CPU itself; emulated, it would be slower than float32."""
    # PyTorch has no public name for this question.
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001


@cache
def bf16_pays() -> bool:
    """Whether convolutions take less time in bfloat16 than in float32 on this CPU, which its instructions alone do not
    tell (see the same question in `openvino_engine`).
    """
    if not cpu_has_bf16():
        return False
    layer = nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last).requires_grad_(False)
    features = torch.ones(1, 64, 96, 96).to(memory_format=torch.channels_last)

    def in_half() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return layer(layer(layer(features)))

    return is_faster(in_half, lambda: layer(layer(layer(features))))


class PyTorchEngine:
    """Runs eagerly, channels last; convolutions in bfloat16 or float16 by autocast where the name says so."""

    def __init__(self, model: InstalledModel, name: str) -> None:
        self.name = name
        self._device, self._dtype = _VARIANTS[name]
        if self._device == "cuda" and not torch.cuda.is_available():
            raise EngineUnavailable("PyTorch finds no CUDA device")
        if self._dtype == torch.bfloat16 and not cpu_has_bf16():
            raise EngineUnavailable("this CPU does not compute in bfloat16")
        module = load_module(model).to(self._device)
        self._module = module.to(memory_format=torch.channels_last)
        self._lock = threading.Lock()

    def run(self, batch: FloatArray) -> FloatArray:
        """See Engine."""
        tensor = torch.from_numpy(batch).to(self._device, memory_format=torch.channels_last)
        with self._lock, torch.inference_mode(), self._precision():
            logits = self._module(tensor)
        result: FloatArray = logits.float().cpu().contiguous().numpy()
        return result

    def release(self) -> None:
        """See Engine. PyTorch gives it back by itself."""

    def _precision(self) -> AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self._device, dtype=self._dtype)

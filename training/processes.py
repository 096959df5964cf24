"""Several training processes, on one machine or many, as torchrun starts them; one process is the ordinary case.

Gradients are averaged by hand and not by a wrapper around the network: losses use more of a network than its forward
pass.
"""

from __future__ import annotations

import os
from datetime import timedelta
from types import TracebackType
from typing import Self

import torch
from torch import Tensor, distributed, nn

from training.config import ConfigError

# The others wait this long for the first process, which validates alone.
_PATIENCE = timedelta(hours=6)


def is_first_process() -> bool:
    """Whether this process is the one that writes."""
    return int(os.environ.get("RANK", "0")) == 0


class Processes:
    """The processes of one training run, joined while the context lasts; torchrun's environment says how many."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        if device is None:
            gpu = torch.cuda.is_available()
            device = torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if gpu else "cpu")
        self.device = device

    def __enter__(self) -> Self:
        if self.count > 1:
            if self.device.type == "cuda":
                torch.cuda.set_device(self.device)
            distributed.init_process_group("nccl" if self.device.type == "cuda" else "gloo", timeout=_PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.count > 1:
            distributed.destroy_process_group()

    @property
    def is_first(self) -> bool:
        """The first process writes, shows progress and validates."""
        return self.rank == 0

    def share_of(self, batch: int) -> int:
        """How many samples of a batch fall to each process; ``ConfigError`` where it cannot be divided evenly."""
        if batch % self.count:
            raise ConfigError(f"optimiser.batch is {batch}, which {self.count} processes cannot share evenly")
        return batch // self.count

    def agree(self, value: float) -> float:
        """The first process's value, in every process."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, src=0)
        return float(shared)

    def start_together(self, network: nn.Module, step: int) -> None:
        """Give every process the first one's weights; ``ConfigError`` where they stand at different steps."""
        if self.count == 1:
            return
        steps = [torch.zeros(1, dtype=torch.int64, device=self.device) for _ in range(self.count)]
        distributed.all_gather(steps, torch.tensor([step], device=self.device))
        if len({int(other) for other in steps}) > 1:
            raise ConfigError(
                f"the processes found checkpoints of different steps ({', '.join(str(int(s)) for s in steps)}): "
                "put the run folder where all machines can read it"
            )
        for tensor in network.state_dict().values():
            whole = tensor.contiguous()
            distributed.broadcast(whole, src=0)
            tensor.copy_(whole)

    @torch.no_grad()
    def average(self, network: nn.Module, loss: Tensor) -> float:
        """Average gradients and running statistics over the processes, in place; the mean loss."""
        if self.count == 1:
            return float(loss.detach())
        parameters = [p for p in network.parameters() if p.requires_grad]
        missing = torch.tensor([float(p.grad is None) for p in parameters], device=self.device)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        statistics = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
        tensors = [*gradients, *statistics, missing, loss.detach().clone()]
        flat = torch.cat([tensor.flatten().float() for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= self.count
        for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view(tensor.shape))
        for parameter, gradient, share in zip(parameters, gradients, missing.tolist(), strict=True):
            # Without a gradient anywhere the optimiser must leave the parameter alone, as in a single process.
            parameter.grad = None if share == 1 else gradient
        return float(tensors[-1])

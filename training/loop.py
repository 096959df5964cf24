"""The training loop shared by all networks: schedule, averaging, mixed precision, checkpoints, validation."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from training.config import TrainingConfig
from training.cpu_kernels import large_depthwise_in_float32
from training.optimiser import make_optimiser, training_mode
from training.processes import Processes
from training.runs import RunFolder, load_checkpoint, save_checkpoint, save_tensors

logger = logging.getLogger(__name__)

Batch = dict[str, Tensor]
_FINAL_LR_SHARE = 0.01


class Task(Protocol):
    """What is particular to a kind of network."""

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Training loss of one batch; called under mixed precision."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Validation figures; ``score`` (higher is better) chooses the weights that are kept."""


class Average:
    """Exponential moving average of a network's weights (and running statistics), with a warm-up of its memory."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the network after optimiser step number ``step``."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for own, new in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if own.dtype.is_floating_point:
                own.lerp_(new, 1 - decay)
            else:
                own.copy_(new)


def lr_factor(progress: float, warmup: float) -> float:
    """Share of the top learning rate at ``progress`` in [0, 1]: linear warm-up, then a cosine."""
    if progress < warmup:
        return max(progress / warmup, _FINAL_LR_SHARE)
    along = (min(progress, 1.0) - warmup) / (1 - warmup)
    return _FINAL_LR_SHARE + (1 - _FINAL_LR_SHARE) * 0.5 * (1 + math.cos(math.pi * along))


def train(
    *,
    config: TrainingConfig,
    network: nn.Module,
    dataset: Dataset[Batch],
    task: Task,
    run: RunFolder,
    device: torch.device | None = None,
) -> nn.Module:
    """Train until the budget is spent, resuming from the run's checkpoint if there is one; the averaged network.

    The weights with the best ``score`` are kept in ``run.best``. Under torchrun every process trains on its share of
    each batch.
    """
    with Processes(device) as processes:
        return _train(config, network, dataset, task, run, processes)


def _train(
    config: TrainingConfig,
    network: nn.Module,
    dataset: Dataset[Batch],
    task: Task,
    run: RunFolder,
    processes: Processes,
) -> nn.Module:
    device = processes.device
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device.type == "cpu":
        large_depthwise_in_float32(network)
    average = Average(network, config.optimiser.ema)
    optimiser = make_optimiser(network, config)
    facts: dict[str, Any] = {"step": 0, "seconds": 0.0, "best": -math.inf}
    if run.checkpoint.is_file():
        facts = load_checkpoint(run.checkpoint, network, average.network, optimiser)
        logger.info("resumed %s at step %d", config.name, facts["step"])
    processes.start_together(network, facts["step"])
    if facts["step"] == 0:
        average.network.load_state_dict(network.state_dict())
    clock = _Clock(config, facts)
    losses: list[float] = []
    batches = _batches(dataset, config, facts["step"], processes)
    bar = tqdm(
        total=config.budget.steps if config.budget.steps < 1_000_000 else None,
        initial=facts["step"],
        mininterval=20,
        disable=not processes.is_first,
    )
    while (progress := processes.agree(clock.progress())) < 1:
        losses.append(_step(config, network, task, optimiser, next(batches), progress, processes))
        facts["step"] += 1
        average.update(network, facts["step"])
        bar.update()
        if not processes.is_first:
            continue
        if facts["step"] % 20 == 0:
            lr, minutes = optimiser.param_groups[0]["lr"], clock.seconds() / 60
            run.log(facts["step"], {"loss": sum(losses[-20:]) / 20, "lr": lr, "minutes": minutes})
        if clock.due("validated", config.budget.validate_every):
            _validate(task, average.network, run, facts, clock)
        if clock.due("saved", config.budget.checkpoint_every):
            facts["seconds"] = clock.seconds()
            save_checkpoint(run.checkpoint, network, average.network, optimiser, facts)
    bar.close()
    if processes.is_first:
        _validate(task, average.network, run, facts, clock)
        facts["seconds"] = clock.seconds()
        save_checkpoint(run.checkpoint, network, average.network, optimiser, facts)
    return average.network


def _step(
    config: TrainingConfig,
    network: nn.Module,
    task: Task,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    progress: float,
    processes: Processes,
) -> float:
    """One step of the optimiser; the loss."""
    batch = {
        k: v.to(processes.device, memory_format=torch.channels_last if v.ndim == 4 else torch.contiguous_format)
        for k, v in batch.items()
    }
    for group in optimiser.param_groups:
        group["lr"] = config.optimiser.lr * group["lr_share"] * lr_factor(progress, config.optimiser.warmup)
    training_mode(network, config)
    with torch.autocast(processes.device.type, torch.bfloat16):
        loss = task.loss(network, batch)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    mean_loss = processes.average(network, loss)
    nn.utils.clip_grad_norm_(network.parameters(), config.optimiser.clip)
    optimiser.step()
    return mean_loss


class _Clock:
    """Counts training time across resumptions; validation does not count."""

    def __init__(self, config: TrainingConfig, facts: dict[str, Any]) -> None:
        self._budget = config.budget
        self._facts = facts
        self._before = facts["seconds"]
        self._start = time.monotonic()
        self._marks = {"validated": self._start, "saved": self._start}

    def seconds(self) -> float:
        return float(self._before + time.monotonic() - self._start)

    def progress(self) -> float:
        return max(self._facts["step"] / self._budget.steps, self.seconds() / 60 / self._budget.minutes)

    def due(self, what: str, minutes: float) -> bool:
        now = time.monotonic()
        if now - self._marks[what] < minutes * 60:
            return False
        self._marks[what] = now
        return True

    def pause(self, action: Callable[[], dict[str, float]]) -> dict[str, float]:
        begin = time.monotonic()
        result = action()
        self._before -= time.monotonic() - begin
        return result


def _validate(task: Task, network: nn.Module, run: RunFolder, facts: dict[str, Any], clock: _Clock) -> None:
    figures = clock.pause(lambda: task.validate(network))
    run.log(facts["step"], {f"val/{name}": value for name, value in figures.items()})
    logger.info("step %d: %s", facts["step"], ", ".join(f"{k} {v:.4f}" for k, v in figures.items()))
    if figures["score"] > facts["best"]:
        facts["best"] = figures["score"]
        save_tensors(run.best, network.state_dict(), {"step": facts["step"], "validation": figures})


def _batches(dataset: Dataset[Batch], config: TrainingConfig, step: int, processes: Processes) -> Iterator[Batch]:
    """This process's share of each batch from ``step`` on: every ``count``-th sample, beginning with its rank."""
    batch, steps = config.optimiser.batch, config.budget.steps
    share = range(step * batch + processes.rank, steps * batch, processes.count)
    loader = DataLoader(dataset, batch_size=processes.share_of(batch), sampler=share, num_workers=1, prefetch_factor=4)
    yield from loader

"""The training loop shared by all networks: schedule, averaging, mixed precision, checkpoints, validation."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from training.config import TrainingConfig, TrainingError
from training.cpu_kernels import large_depthwise_in_float32
from training.optimiser import make_optimiser, training_mode
from training.pictures import draw_curves
from training.precision import mixed_precision
from training.processes import Processes
from training.runs import RunFolder, load_checkpoint, save_checkpoint, save_tensors

logger = logging.getLogger(__name__)

Batch = dict[str, Tensor]
_FINAL_LR_SHARE = 0.01
_LOG_EVERY = 20


class Task(Protocol):
    """What is particular to a kind of network."""

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Training loss of one batch; called under mixed precision."""

    def validate(self, network: nn.Module, pictures: Path | None = None) -> dict[str, float]:
        """Validation figures; ``score`` (higher is better) chooses the weights that are kept.

        Where ``pictures`` names a file, truth and prediction are drawn there, side by side.
        """


@dataclass(slots=True)
class Progress:
    """How far a run has come; part of its checkpoints.

    ``seconds`` of training, without validation; ``best`` score, and the step and second of the last validation;
    ``recent``: the losses since the last line of the log.
    """

    step: int = 0
    seconds: float = 0.0
    best: float = -math.inf
    validated_step: int = 0
    validated_second: float = 0.0
    recent: list[float] = field(default_factory=list)


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


def lr_factor(progress: float, warmup: float, schedule: str = "cosine") -> float:
    """Share of the top learning rate at ``progress`` in [0, 1]: linear warm-up, then a cosine, or no change."""
    if progress < warmup:
        return max(progress / warmup, _FINAL_LR_SHARE)
    if schedule == "constant":
        return 1.0
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
    progress = Progress()
    if run.checkpoint.is_file():
        progress = Progress(**load_checkpoint(run.checkpoint, network, average.network, optimiser))
        logger.info("resumed %s at step %d", config.name, progress.step)
    processes.start_together(network, progress.step)
    if progress.step == 0:
        average.network.load_state_dict(network.state_dict())

    def save() -> None:
        save_checkpoint(run.checkpoint, network, average.network, optimiser, asdict(progress))

    watch = _Watch(config, task, run, progress, save)
    if processes.is_first:
        run.begin(progress.step)
    steps = batches(dataset, config, progress.step, processes)
    bar = tqdm(
        total=config.budget.steps if config.budget.steps < 1_000_000 else None,
        initial=progress.step,
        mininterval=20,
        disable=not processes.is_first,
    )
    while (share := processes.agree(watch.share())) < 1:
        loss = training_step(config, network, task, optimiser, next(steps), share, processes, progress.step)
        progress.step += 1
        average.update(network, progress.step)
        bar.update()
        if processes.is_first:
            watch.after_step(loss, average.network, optimiser.param_groups[-1]["lr"])
    bar.close()
    if processes.is_first:
        watch.at_the_end(average.network)
    return average.network


def training_step(
    config: TrainingConfig,
    network: nn.Module,
    task: Task,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    share: float,
    processes: Processes,
    step: int,
) -> float:
    """One step of the optimiser at ``share`` of the budget; the loss.

    Raises ``TrainingError``, before anything is changed, where the loss or its gradients are no numbers.
    """
    batch = {
        k: v.to(processes.device, memory_format=torch.channels_last if v.ndim == 4 else torch.contiguous_format)
        for k, v in batch.items()
    }
    settings = config.optimiser
    for group in optimiser.param_groups:
        group["lr"] = settings.lr * group["lr_share"] * lr_factor(share, settings.warmup, settings.schedule)
    # What a network draws (dropped paths) is a function of seed and step too, so that a resumed run draws the same.
    torch.manual_seed((config.seed << 40) + (step << 8) + processes.rank)
    training_mode(network, config)
    with mixed_precision(processes.device):
        loss = task.loss(network, batch)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    mean_loss = processes.average(network, loss)
    norm = float(nn.utils.clip_grad_norm_(network.parameters(), settings.clip))
    if not (math.isfinite(mean_loss) and math.isfinite(norm)):
        raise TrainingError(
            f"step {step}: the loss is {mean_loss} and its gradient has length {norm}. Checkpoint and best weights are "
            f"as they were. Begin a new run with best.safetensors as initial_weights and a lower optimiser.lr."
        )
    optimiser.step()
    return mean_loss


class _Watch:
    """What the first process does between steps: log, validate, save."""

    def __init__(
        self, config: TrainingConfig, task: Task, run: RunFolder, progress: Progress, save: Callable[[], None]
    ) -> None:
        self.config, self.task, self.run, self.progress = config, task, run, progress
        self._write_checkpoint = save
        self._saved_second = progress.seconds
        self._mark = time.monotonic()

    def share(self) -> float:
        """Share of the budget that is spent."""
        budget = self.config.budget
        return max(self.progress.step / budget.steps, self._now() / 60 / budget.minutes)

    def after_step(self, loss: float, network: nn.Module, lr: float) -> None:
        """Log every so often, validate ``network`` (the average) and save when it is time."""
        progress, budget = self.progress, self.config.budget
        now = self._now()
        progress.recent.append(loss)
        if progress.step % _LOG_EVERY == 0:
            mean = sum(progress.recent) / len(progress.recent)
            self.run.log(progress.step, {"loss": mean, "lr": lr, "minutes": now / 60})
            progress.recent.clear()
        if budget.validate_every_steps:
            due = progress.step % budget.validate_every_steps == 0
        else:
            due = now - progress.validated_second >= budget.validate_every * 60
        if due:
            self._validate(network)
        if due or now - self._saved_second >= budget.checkpoint_every * 60:
            self._save()

    def at_the_end(self, network: nn.Module) -> None:
        """Validate and save, unless that was done after the last step."""
        if self.progress.validated_step != self.progress.step:
            self._validate(network)
            self._save()

    def _now(self) -> float:
        """Seconds of training, over all resumptions; validating does not count."""
        now = time.monotonic()
        self.progress.seconds += now - self._mark
        self._mark = now
        return self.progress.seconds

    def _validate(self, network: nn.Module) -> None:
        progress = self.progress
        progress.validated_step, progress.validated_second = progress.step, self._now()
        figures = self.task.validate(network, self.run.path / "panels.png")
        self.run.log(progress.step, {f"val/{name}": value for name, value in figures.items()})
        logger.info("step %d: %s", progress.step, ", ".join(f"{k} {v:.4f}" for k, v in figures.items()))
        if figures["score"] > progress.best:
            progress.best = figures["score"]
            save_tensors(self.run.best, network.state_dict(), {"step": progress.step, "validation": figures})
        draw_curves(self.run.metrics, self.run.path / "curves.png")
        self._mark = time.monotonic()

    def _save(self) -> None:
        self._saved_second = self._now()
        self._write_checkpoint()


def batches(dataset: Dataset[Batch], config: TrainingConfig, step: int, processes: Processes) -> Iterator[Batch]:
    """This process's share of each batch from ``step`` on: every ``count``-th sample, beginning with its rank."""
    batch, steps = config.optimiser.batch, config.budget.steps
    share = range(step * batch + processes.rank, steps * batch, processes.count)
    loader = DataLoader(dataset, batch_size=processes.share_of(batch), sampler=share, num_workers=1, prefetch_factor=4)
    yield from loader

"""Images per second of this project's training loop against the naive loop, in one run on the same network and data.

    python benchmarks/training.py [--config training/configs/unet-lite.toml] [--crop 256] [--batch 2] [--steps 8]
                                  [--rounds 3] [--clock wall|cpu]

Naive: float32, contiguous tensors, each batch made when it is asked for, no average of the weights. Ours: bfloat16,
channels-last, wide depthwise convolutions in float32, batches made ahead by another process, an average of the weights.
Both train the configuration's network with its loss on crops of made-up photographs. They take turns within each
round, so that whatever else the machine does hits both; medians are shown. Up to four of our batches are made during
the other's turn: take many steps for a figure to rely on. On a machine that is busy with other work, `--clock cpu`
counts the processor time of this process instead of the time of day (set OMP_WAIT_POLICY=PASSIVE then): it compares
the steps alone, as what is made ahead is made by another process.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch.utils.data import DataLoader

from inference.networks import build
from training.config import DataConfig, TrainingConfig, load_config
from training.cpu_kernels import large_depthwise_in_float32
from training.datasets.records import Record
from training.datasets.squares import Square
from training.loop import Average, Batch, batches, training_step
from training.optimiser import make_optimiser
from training.processes import Processes
from training.sampling import CropDataset
from training.segmentation import SegmentationTask

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


def made_up_photograph(seed: int, side: int) -> Square:
    """Noise with some square lesions of every kind."""
    randomness = np.random.default_rng(seed)
    bits = np.zeros((side, side), np.uint8)
    for channel in range(4):
        for x, y in randomness.integers(0, side - 16, (8, 2)):
            bits[y : y + 12, x : x + 12] |= 1 << channel
    rgb = randomness.integers(0, 255, (side, side, 3), dtype=np.uint8)
    return Square(Record(Path("none.png"), "made up", str(seed), masks={}), rgb, bits, np.ones((side, side), bool))


class Naive:
    """The loop as a tutorial has it."""

    def __init__(self, config: TrainingConfig, dataset: CropDataset) -> None:
        torch.manual_seed(0)
        self.network = build(config.network)
        self.task = SegmentationTask(config, [], None)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.optimiser.lr)
        self.batches = iter(DataLoader(dataset, batch_size=config.optimiser.batch))

    def step(self) -> None:
        """One batch."""
        self.network.train()
        loss = self.task.loss(self.network, next(self.batches))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()


class Ours:
    """The loop of `training.loop`, without logging and checkpoints."""

    def __init__(self, config: TrainingConfig, dataset: CropDataset) -> None:
        torch.manual_seed(0)
        self.config = config
        self.processes = Processes(torch.device("cpu"))
        self.network = build(config.network).to(memory_format=torch.channels_last)
        large_depthwise_in_float32(self.network)
        self.task = SegmentationTask(config, [], None)
        self.optimiser = make_optimiser(self.network, config)
        self.average = Average(self.network, config.optimiser.ema)
        self.batches: Iterator[Batch] = batches(dataset, config, 0, self.processes)
        self.done = 0

    def step(self) -> None:
        """One batch."""
        batch = next(self.batches)
        training_step(self.config, self.network, self.task, self.optimiser, batch, 0.5, self.processes, self.done)
        self.done += 1
        self.average.update(self.network, self.done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("training/configs/unet-lite.toml"))
    parser.add_argument("--crop", type=int, default=256, help="side of a crop, pixels")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=8, help="steps of each loop in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    options = parser.parse_args()
    config = load_config(options.config)
    config = dataclasses.replace(
        config,
        data=DataConfig(),
        input=dataclasses.replace(config.input, crop=options.crop, size=3 * options.crop),
        optimiser=dataclasses.replace(config.optimiser, batch=options.batch),
    )
    dataset = CropDataset(config, [made_up_photograph(seed, config.input.size) for seed in range(4)])
    loops = {"naive": Naive(config, dataset), "ours": Ours(config, dataset)}
    clock = CLOCKS[options.clock]
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(options.rounds + 1):
        for name, loop in loops.items():
            start = clock()
            for _ in range(options.steps):
                loop.step()
            if number:  # the first round warms up
                speeds[name].append(options.steps * options.batch / (clock() - start))
    naive, ours = (statistics.median(speeds[name]) for name in ("naive", "ours"))
    print(
        f"{config.name}, crops of {options.crop} px, batch {options.batch}, {torch.get_num_threads()} threads,", end=" "
    )
    print(f"{options.clock} clock, median of {options.rounds} rounds of {options.steps} steps")
    print(f"naive loop  {naive:6.2f} images/s")
    print(f"our loop    {ours:6.2f} images/s")
    print(f"ratio       {ours / naive:6.2f}")


if __name__ == "__main__":
    main()

"""A training run of a moment, to be started as processes that can be counted and killed.

    python -m tests.training.tiny_run FOLDER STEPS [SECONDS_PER_STEP]

Each process leaves its averaged weights in ``FOLDER/rank-<rank>.safetensors``.
"""

import os
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from inference.networks import NetworkSpec
from training.config import BudgetConfig, InputConfig, OptimiserConfig, TrainingConfig
from training.loop import train
from training.runs import RunFolder, save_tensors


class Pictures(torch.utils.data.Dataset):
    """A pure function of the index, as all training sets are."""

    def __len__(self):
        return 10_000

    def __getitem__(self, index):
        image = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(index))
        return {"image": image, "brightness": image.mean()[None]}


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Linear(4, 1)
        self.never_asked = nn.Linear(2, 2)

    def forward(self, image):
        return self.head(self.convolution(image).relu().mean((2, 3)))


class Brightness:
    def __init__(self, pause):
        self.pause = pause

    def loss(self, network, batch):
        time.sleep(self.pause)
        # float32, so that sums in another order agree closely
        with torch.autocast("cpu", enabled=False):
            return functional.mse_loss(network(batch["image"]), batch["brightness"])

    def validate(self, network, pictures=None):
        return {"score": float(network.head.weight.detach().sum())}


def main(folder: Path, steps: int, pause: float) -> None:
    torch.set_num_threads(1)
    rank = int(os.environ.get("RANK", "0"))
    torch.manual_seed(rank)  # other weights in every process: the first one's must be taken
    config = TrainingConfig(
        name="tiny",
        network=NetworkSpec("unet", "se_resnet50", 4, (8, 8, 8, 8)),
        input=InputConfig(size=128),
        optimiser=OptimiserConfig(batch=4, lr=0.01, ema=0.9),
        budget=BudgetConfig(steps=steps, validate_every_steps=3),
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    config_file = folder.parent / "tiny.toml"
    config_file.touch()
    average = train(
        config=config,
        network=Network(),
        dataset=Pictures(),
        task=Brightness(pause),
        run=RunFolder(folder, config_file),
        device=torch.device("cpu"),
    )
    save_tensors(folder / f"rank-{rank}.safetensors", average.state_dict(), {})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0)

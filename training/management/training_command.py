"""What the two training commands have in common."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training.config import TrainingConfig, TrainingError, load_config
from training.datasets import DatasetError
from training.runs import RunFolder


class TrainingCommand(BaseCommand):
    """Reads a configuration and trains in a run folder."""

    trainer: Callable[[TrainingConfig, Path, Path], RunFolder]
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Arguments of a training command."""
        parser.add_argument("--config", type=Path, required=True, help="TOML file, see training/configs/")
        parser.add_argument("--run", type=Path, help="run folder; default: runs/<name in the configuration>")
        parser.add_argument("--threads", type=int, help="CPU threads of each process's network; default: all, shared")

    def handle(self, *args: Any, **options: Any) -> None:
        """Train, or continue."""
        import cv2
        import torch

        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
        shared = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        torch.set_num_threads(options["threads"] or max(1, shared))
        cv2.setNumThreads(1)  # the loader's process must not compete with the network's threads
        try:
            config = load_config(options["config"])
            run = self.trainer(config, options["config"], options["run"] or Path("runs") / config.name)
        except (TrainingError, DatasetError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Run folder: {run.path}. Export the weights with: manage.py export_weights --run {run.path}")

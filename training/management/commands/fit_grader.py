from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training.config import ConfigError, load_config
from training.datasets import DatasetError
from training.datasets.selection import records_of
from training.export import write_weights
from training.lesion_grader import fit_lesion_grader
from training.model_card import render
from training.release import measure


class Command(BaseCommand):
    help = "Put a trained lesion network and a trained ResNet50 together into the lesion-aware grader."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--config", type=Path, default=Path("training/configs/grader.toml"))
        parser.add_argument("--trunk", type=Path, default=Path("inference/weights/grader"), help="weights of a grader")
        parser.add_argument("--out", type=Path, default=Path("inference/weights/grader"))
        parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
        parser.add_argument("--weights-version", default="1", help="version written into the card")
        parser.add_argument("--describe", type=Path, help="Markdown file to write the card for people to")
        parser.add_argument("--notes", default="", help="a sentence for the card")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            config = load_config(options["config"])
            tensors = fit_lesion_grader(config, options["trunk"], options["cache"])
            learnt_from = (*config.data.labelled, *config.data.unlabelled)
            images = dict(Counter(record.source for record in records_of(config, learnt_from, "train")))
            images["imagenet"] = 1_281_167
            card = write_weights(
                options["out"], tensors, config, version=options["weights_version"], images=images,
                notes=options["notes"],
            )  # fmt: skip
            card = measure(config, options["out"], card)
        except (ConfigError, DatasetError, ValueError) as error:
            raise CommandError(str(error)) from error
        if options["describe"]:
            options["describe"].write_text(render(card), encoding="utf-8")
        self.stdout.write(f"{options['out']}: version {card.version}, sha256 {card.sha256}")

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.cards import ModelCard
from training.config import ConfigError, load_config
from training.datasets import DatasetError
from training.datasets.records import require_file
from training.model_card import render
from training.release import measure


class Command(BaseCommand):
    help = (
        "Measure exported weights on the validation split again and renew the figures, thresholds, temperature and "
        "operating points of their card."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--config", type=Path, required=True, help="configuration that the weights were trained by")
        parser.add_argument("--weights", type=Path, help="weights folder; default: inference/weights/<name>")
        parser.add_argument("--describe", type=Path, help="Markdown file to write the card for people to")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            config = load_config(options["config"])
            folder = options["weights"] or Path("inference/weights") / config.name
            text = require_file(folder / "card.json", "weights").read_text(encoding="utf-8")
            card = measure(config, folder, ModelCard.from_json(text))
        except (ConfigError, DatasetError, ValueError) as error:
            raise CommandError(str(error)) from error
        if options["describe"]:
            options["describe"].write_text(render(card), encoding="utf-8")
        self.stdout.write(f"{folder}: version {card.version} measured again")

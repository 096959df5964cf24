from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training.config import ConfigError, load_config
from training.datasets import DatasetError
from training.model_card import render
from training.release import release


class Command(BaseCommand):
    help = "Export a run's weights (fp16 safetensors), choose thresholds on validation and write the model card."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--run", type=Path, required=True, help="run folder of a training command")
        parser.add_argument("--out", type=Path, help="weights folder; default: inference/weights/<name>")
        parser.add_argument("--weights-version", default="1", help="version written into the card")
        parser.add_argument(
            "--which", choices=("best", "last"), default="best", help="best on validation, or the latest"
        )
        parser.add_argument("--refit", action="store_true", help="grader: fit the last layer anew on the training set")
        parser.add_argument(
            "--half-turn",
            action="store_true",
            help="lesion networks: mean with the photograph turned by half",
        )
        parser.add_argument("--blend", type=Path, help="weights file of the same network to take the mean with")
        parser.add_argument("--blend-share", type=float, default=0.5, help="share of that file in the mean")
        parser.add_argument("--describe", type=Path, help="Markdown file to write the card for people to")
        parser.add_argument("--notes", default="", help="a sentence for the card")

    def handle(self, *args: Any, **options: Any) -> None:
        run: Path = options["run"]
        try:
            name = load_config(run / "config.toml").name
            folder = options["out"] or Path("inference/weights") / name
            card = release(
                run,
                folder,
                version=options["weights_version"],
                which=options["which"],
                notes=options["notes"],
                refit=options["refit"],
                half_turn=options["half_turn"],
                blend=(options["blend"], options["blend_share"]) if options["blend"] else None,
            )
        except (ConfigError, DatasetError, ValueError) as error:
            raise CommandError(str(error)) from error
        if options["describe"]:
            options["describe"].write_text(render(card), encoding="utf-8")
        self.stdout.write(f"{folder}: version {card.version}, sha256 {card.sha256}")

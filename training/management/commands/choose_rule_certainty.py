from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.cards import RuleCertainty
from inference.errors import InferenceError
from training.datasets import DatasetError, read
from training.datasets.manifest import manifest_hash, read_manifest, select
from training.evaluation.rule import graded, levels_of, network_in
from training.evaluation.weights import weights_folder
from training.export import freeze
from training.model_card import render
from training.rule_certainty import choose_certainty, rule_views


class Command(BaseCommand):
    help = (
        "Choose how sure a lesion network must be of an area for it to count for the grade by rule, on graded training "
        "photographs, and freeze it in the card. Masks and their thresholds stay as they are."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--model", required=True, help="name under --weights, or a folder with card.json")
        parser.add_argument(
            "--dataset", required=True, help="data set with grades, of which the training split is taken"
        )
        parser.add_argument("--root", type=Path, default=Path("../shared/data"), help="folder that holds the data sets")
        parser.add_argument("--manifest", type=Path, default=Path("training/splits/default.csv"))
        parser.add_argument("--weights", type=Path, default=Path("inference/weights"))
        parser.add_argument(
            "--table", type=Path, help="file that keeps what was seen; default: runs/rule/MODEL-DATASET.jsonl"
        )
        parser.add_argument("--describe", type=Path, help="Markdown file to write the card to")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = weights_folder(options["model"], options["weights"])
        dataset, root, manifest = options["dataset"], options["root"], options["manifest"]
        try:
            network = network_in(folder)
            if network.card.kind != "segmentation":
                raise ValueError(f"the grade by rule is for lesion networks; {network.card.name} is a grader.")
            records = graded(select(read(dataset, root), read_manifest(manifest), data_root=root, split="train"))
            table = options["table"] or Path("runs/rule") / f"{network.card.name}-{dataset}.jsonl"
            masks_alone = levels_of(replace(network.card, rule_certainty=None))
            found = choose_certainty(rule_views(network, records, table), masks_alone)
        except (DatasetError, InferenceError, ValueError) as error:
            raise CommandError(str(error)) from error
        where = {"data": [dataset], "split": "train", "manifest_sha256": manifest_hash(manifest)}
        certainty = RuleCertainty(found.levels, where | found.chosen)
        card = freeze(folder, network.card, rule_certainty=certainty)
        if options["describe"]:
            options["describe"].write_text(render(card), encoding="utf-8")
        levels = ", ".join(f"{lesion} {level:g}" for lesion, level in certainty.levels.items())
        self.stdout.write(f"{folder}: {levels}; {found.chosen}")

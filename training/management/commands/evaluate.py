from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.errors import InferenceError
from inference.tiling import DETAILS
from training.datasets import READERS, DatasetError, Record, read
from training.datasets.described import DESCRIPTION
from training.datasets.manifest import SPLITS, read_manifest, select
from training.evaluation.measure import measure
from training.evaluation.outputs import summary, write_evaluation
from training.evaluation.panels import PanelWriter
from training.evaluation.rule import graded, levels_of, network_in, rule_figures, rule_view
from training.evaluation.weights import Weights, load_weights, weights_folder
from training.export import freeze
from training.model_card import render


class Command(BaseCommand):
    help = (
        "Measure weights on a split of a data set, at the thresholds, temperature and operating points frozen in their "
        "card; write the figures as JSON, their pictures and a model card."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--model", required=True, help="name under --weights, or a folder with card.json")
        known = f"{', '.join(sorted(READERS))}, and every folder with a {DESCRIPTION}"
        parser.add_argument("--dataset", required=True, help=f"data set to measure on; known: {known}")
        parser.add_argument("--split", choices=(*SPLITS, "all"), default="val")
        parser.add_argument("--root", type=Path, default=Path("../shared/data"), help="folder that holds the data sets")
        parser.add_argument("--manifest", type=Path, default=Path("training/splits/default.csv"))
        parser.add_argument("--weights", type=Path, default=Path("inference/weights"))
        parser.add_argument("--detail", choices=DETAILS, default="standard", help="lesion networks: high = finer tiles")
        parser.add_argument("--flips", action="store_true", help="lesion networks: average over mirror images")
        parser.add_argument(
            "--rule", action="store_true", help="lesion networks: measure the grades by rule from their masks"
        )
        parser.add_argument(
            "--record", action="store_true", help="with --rule: keep these figures in the card of the weights"
        )
        parser.add_argument("--describe", type=Path, help="with --record: Markdown file to write the card to")
        parser.add_argument("--out", type=Path, help="folder to write to; default: runs/evaluation/MODEL-DATASET-SPLIT")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = weights_folder(options["model"], options["weights"])
        try:
            weights = _weights(folder, options)
            out: Path = options["out"] or _default_folder(weights, options)
            if out.exists() and not out.is_dir():
                raise DatasetError(f"{out} is a file: --out names a folder.")
            records = _records(options)
            if options["rule"]:
                figures = {"rule_grades": _rule_figures(weights, folder, records)}
            else:
                figures = measure(weights, records, PanelWriter(out / "panels", weights.card.thresholds))
        except (DatasetError, InferenceError, ValueError) as error:
            raise CommandError(str(error)) from error
        facts = {"split": options["split"], "data": [options["dataset"]]}
        card = replace(weights.card, validation={**facts, "detail": weights.detail, "flips": weights.flips, **figures})
        write_evaluation(card, out)
        if options["record"]:
            recorded = freeze(
                folder,
                weights.card,
                validation={**weights.card.validation, "rule_grades": {**facts, **figures["rule_grades"]}},
            )
            if options["describe"]:
                options["describe"].write_text(render(recorded), encoding="utf-8")
        self.stdout.write(summary(card))
        self.stdout.write(f"Written to {out}.")


def _weights(folder: Path, options: dict[str, Any]) -> Weights:
    weights = load_weights(folder, detail=options["detail"], flips=options["flips"])
    if options["record"] and (not options["rule"] or weights.flips or weights.detail != "standard"):
        raise ValueError("--record keeps the figures of --rule alone, in standard detail and without --flips.")
    if weights.card.kind == "grading" and (weights.flips or weights.detail != "standard" or options["rule"]):
        raise ValueError(f"--detail, --flips and --rule are for lesion networks; {weights.card.name} is a grader.")
    return weights


def _rule_figures(weights: Weights, folder: Path, records: list[Record]) -> dict[str, Any]:
    network = network_in(folder)
    views = [rule_view(network, each, detail=weights.detail, flips=weights.flips) for each in graded(records)]
    return rule_figures(views, levels_of(weights.card))


def _records(options: dict[str, Any]) -> list[Record]:
    root: Path = options["root"]
    records = read(options["dataset"], root)
    if options["split"] != "all":
        records = select(records, read_manifest(options["manifest"]), data_root=root, split=options["split"])
    if not records:
        raise DatasetError(f"{options['dataset']} has no photographs in the split {options['split']}.")
    return records


def _default_folder(weights: Weights, options: dict[str, Any]) -> Path:
    parts = [weights.card.name, options["dataset"], options["split"]]
    parts += ["high"] if weights.detail == "high" else []
    parts += ["flips"] if weights.flips else []
    parts += ["rule"] if options["rule"] else []
    return Path("runs") / "evaluation" / "-".join(parts)

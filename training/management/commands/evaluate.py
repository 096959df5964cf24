from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.tiling import DETAILS
from training.datasets import READERS, DatasetError, read
from training.datasets.manifest import SPLITS, read_manifest, select
from training.evaluation.grading import collect_grades
from training.evaluation.segmentation import collect_scores, lesion_figures, normal_figures
from training.evaluation.weights import load_weights
from training.metrics.grades import expected_calibration_error, grade_figures


class Command(BaseCommand):
    help = "Measure weights on a split of a data set, at the thresholds and temperature frozen in their card."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--model", required=True, help="name under --weights, or a folder with card.json")
        parser.add_argument("--dataset", required=True, choices=sorted(READERS))
        parser.add_argument("--split", choices=(*SPLITS, "all"), default="val")
        parser.add_argument("--root", type=Path, default=Path("../shared/data"), help="folder that holds the data sets")
        parser.add_argument("--manifest", type=Path, default=Path("training/splits/default.csv"))
        parser.add_argument("--weights", type=Path, default=Path("inference/weights"))
        parser.add_argument("--detail", choices=DETAILS, default="standard", help="lesion networks: high = finer tiles")
        parser.add_argument("--flips", action="store_true", help="lesion networks: average over mirror images")
        parser.add_argument("--out", type=Path, help="JSON file to write; default: the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(options["model"])
        try:
            weights = load_weights(
                folder if folder.is_dir() else options["weights"] / options["model"],
                detail=options["detail"],
                flips=options["flips"],
            )
            root: Path = options["root"]
            records = read(options["dataset"], root)
            if options["split"] != "all":
                entries = read_manifest(options["manifest"])
                records = select(records, entries, data_root=root, split=options["split"])
            if not records:
                raise DatasetError(f"{options['dataset']} has no photographs in the split {options['split']}.")
            figures = _measure(weights, records)
        except (DatasetError, ValueError) as error:
            raise CommandError(str(error)) from error
        head = {
            "model": weights.card.name,
            "version": weights.card.version,
            "sha256": weights.card.sha256,
            "dataset": options["dataset"],
            "split": options["split"],
            "detail": options["detail"],
            "flips": options["flips"],
        }
        text = json.dumps(head | figures, indent=2)
        if options["out"]:
            options["out"].parent.mkdir(parents=True, exist_ok=True)
            options["out"].write_text(text + "\n", encoding="utf-8")
        self.stdout.write(text)


def _measure(weights: Any, records: list[Any]) -> dict[str, Any]:
    card = weights.card
    if card.kind == "grading":
        scores = collect_grades(weights, records)
        before = expected_calibration_error(scores.truth, scores.probabilities(weights, 1.0))
        figures = grade_figures(scores.truth, scores.probabilities(weights, card.temperature), scores.patients)
        return {"ece_before_scaling": before} | figures
    outlined = [record for record in records if record.masks is not None]
    if outlined:
        return {"lesions": lesion_figures(collect_scores(weights, outlined), card.thresholds)}
    return {"normal_eyes": normal_figures(weights, records, card.thresholds)}

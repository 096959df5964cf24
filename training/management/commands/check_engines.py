from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.engines.equivalence import REFERENCE, Measured, write_record
from inference.engines.selection import ENGINES
from inference.errors import InferenceError, ModelUnavailable
from inference.registry import InstalledModel, find_model, installed_models
from training.datasets import DatasetError, Record, read
from training.datasets.manifest import read_manifest, select
from training.evaluation.equivalence import measure_engines

_DATASETS = {"segmentation": ("idrid",), "grading": ("idrid", "eyepacs400")}


class Command(BaseCommand):
    help = (
        "Compare the engines of the installed networks with float32 PyTorch on validation photographs. "
        "Engines in half precision run unasked only where the record (--record) says that nothing changes."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NETWORK", help="default: all that are installed")
        parser.add_argument("--engines", nargs="+", choices=ENGINES, help="default: all that run on this machine")
        parser.add_argument("--root", type=Path, default=Path("../shared/data"), help="folder that holds the data sets")
        parser.add_argument("--manifest", type=Path, default=Path("training/splits/default.csv"))
        parser.add_argument("--photographs", type=int, help="at most this many of each data set; for a quick look")
        parser.add_argument("--record", action="store_true", help="write engines.json beside each network's card")

    def handle(self, *, names: list[str], **options: Any) -> None:
        if options["record"] and options["photographs"]:
            raise CommandError("--record needs all photographs: leave --photographs out.")
        with _told():
            for name in names or installed_models():
                model = find_model(name)
                datasets = _DATASETS[model.card.kind]
                records = _records(datasets, options["root"], options["manifest"], options["photographs"])
                measured = self._compare(model, options["engines"], records)
                for each in measured.values():
                    self._report(model, each)
                if options["record"]:
                    photographs = f"validation photographs of {' and '.join(datasets)}"
                    self.stdout.write(f"written: {write_record(model, measured, photographs)}")

    def _compare(self, model: InstalledModel, wanted: list[str] | None, records: list[Record]) -> dict[str, Measured]:
        def unavailable(error: ModelUnavailable) -> None:
            if wanted or error.code != "engine_unavailable":
                raise error
            self.stderr.write(str(error))

        names = [name for name in wanted or ENGINES if name != REFERENCE]
        return measure_engines(model, names, records, unavailable=unavailable)

    def _report(self, model: InstalledModel, measured: Measured) -> None:
        dice = ", ".join(
            f"{lesion} {value:.4f} ({value - measured.reference_dice[lesion]:+.4f})"
            for lesion, value in measured.dice.items()
        )
        found = f"Dice {dice}" if dice else f"grades changed {measured.grade_changes}"
        self.stdout.write(
            f"{model.name} {model.card.version} {measured.engine}: {measured.photographs} photographs, "
            f"probability difference {measured.probability_difference:.5f}, {found}: "
            f"{'within' if measured.within_bounds else 'NOT within'} bounds"
        )


def _records(datasets: tuple[str, ...], root: Path, manifest: Path, at_most: int | None) -> list[Record]:
    entries = read_manifest(manifest)
    records: list[Record] = []
    for dataset in datasets:
        records += select(read(dataset, root), entries, data_root=root, split="val")[:at_most]
    if not records:
        raise DatasetError(f"{' and '.join(datasets)} have no photographs in the split val.")
    return records


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (DatasetError, InferenceError, OSError) as error:
        raise CommandError(str(error)) from error

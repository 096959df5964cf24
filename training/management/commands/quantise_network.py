from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.errors import InferenceError
from inference.registry import find_model
from training.datasets import DatasetError, Record, read
from training.datasets.manifest import read_manifest, select


class Command(BaseCommand):
    help = (
        "Choose the ranges of a lesion network's 8-bit values (engine openvino-int8) on training photographs, and "
        "write int8.safetensors beside its weights. check_engines --record then measures what that changes."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NETWORK")
        parser.add_argument("--datasets", nargs="+", default=["idrid", "eyepacs400", "normal400"])
        parser.add_argument("--photographs", type=int, default=8, help="of each data set (default: 8)")
        parser.add_argument("--root", type=Path, default=Path("../shared/data"), help="folder that holds the data sets")
        parser.add_argument("--manifest", type=Path, default=Path("training/splits/default.csv"))

    def handle(self, *, name: str, **options: Any) -> None:
        try:
            from training.quantisation import quantise

            records = [record for dataset in options["datasets"] for record in _some(dataset, **options)]
            path = quantise(find_model(name), records)
        except ModuleNotFoundError as error:
            raise CommandError(f"{error}: pip install -r requirements-dev.txt") from error
        except (DatasetError, InferenceError, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{path}: ranges from {len(records)} photographs; now: manage.py check_engines {name} --record"
        )


def _some(dataset: str, *, root: Path, manifest: Path, photographs: int, **_options: Any) -> list[Record]:
    """Training photographs from all over the data set."""
    records = select(read(dataset, root), read_manifest(manifest), data_root=root, split="train")
    if not records or photographs < 1:
        raise DatasetError(f"{dataset} has no photographs in the split train.")
    return records[:: max(1, len(records) // photographs)][:photographs]

from __future__ import annotations

from argparse import ArgumentTypeError
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training.datasets import READERS, DatasetError, read
from training.datasets.described import DESCRIPTION
from training.datasets.manifest import split_records, write_manifest


def _share(text: str) -> tuple[str, float]:
    source, _, share = text.partition("=")
    try:
        value = float(Fraction(share or "1/5"))
    except (ValueError, ZeroDivisionError):
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{share!r} is no share from 0 to 1, like 1/5 or 0.2")
    return source, value


class Command(BaseCommand):
    help = "Merge data sets into one split manifest: by patient, without duplicates, reproducible from a seed."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_actions(parser.add_subparsers(dest="action", required=True))

    def add_actions(self, actions: Any) -> None:
        merge = actions.add_parser("merge", help="write a split manifest")
        merge.add_argument(
            "sources",
            nargs="+",
            type=_share,
            metavar="SOURCE[=SHARE]",
            help=f"data set and its share of validation patients (default 1/5); known: "
            f"{', '.join(sorted(READERS))}, and every folder with a {DESCRIPTION}",
        )
        merge.add_argument("--root", type=Path, default=Path("../shared/data"), help="folder that holds the data sets")
        merge.add_argument("--seed", type=int, default=17)
        merge.add_argument("--out", type=Path, required=True, help="manifest to write (CSV)")

    def handle(self, *, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _merge(self, **options: Any) -> None:
        shares: dict[str, float] = dict(options["sources"])
        root: Path = options["root"]
        try:
            records = [record for source in shares for record in read(source, root)]
            entries = split_records(records, data_root=root, validation_shares=shares, seed=options["seed"])
        except DatasetError as error:
            raise CommandError(str(error)) from error
        write_manifest(entries, options["out"])
        counts = Counter((entry.source, entry.split) for entry in entries)
        for (source, split), count in sorted(counts.items()):
            self.stdout.write(f"{source:20} {split:5} {count}")
        self.stdout.write(f"{len(records) - len(entries)} duplicates left out. Written: {options['out']}")

"""`manage.py datasets`: training's command, and the export of a clinic's records, which training does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from cases.errors import ApplicationError
from cases.services.dataset import dataset_export
from training.management.commands import datasets


class Command(datasets.Command):
    help = "Make data sets of what readers signed, and merge data sets into split manifests."

    def add_actions(self, actions: Any) -> None:
        super().add_actions(actions)
        export = actions.add_parser("export", help="make a data set of what a clinic's readers corrected and signed")
        export.add_argument("--clinic", required=True, help="the clinic's name")
        export.add_argument("--out", type=Path, required=True, help="folder to make: DATA_ROOT/clinic")
        export.add_argument("--held", type=float, default=0.25, help="share of patients held back for comparisons")

    def _export(self, *, clinic: str, out: Path, held: float, **options: Any) -> None:
        try:
            done = dataset_export(clinic_name=clinic, folder=out, held_share=held)
        except ApplicationError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.folder}: {done.photographs} photographs of {done.patients} patients, "
            f"{done.held_back} photographs held back"
        )

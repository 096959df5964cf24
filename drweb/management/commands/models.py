"""`manage.py models`: the command of cases, and the proposal of a run, which cases does not know."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from cases.management.commands import models
from cases.selectors.network_version import active_versions
from cases.services.network_version import network_version_install


class Command(models.Command):
    help = "List, install, propose, activate, roll back and retire versions of the networks."

    def add_actions(self, actions: Any) -> None:
        super().add_actions(actions)
        propose = actions.add_parser("propose", help="measure a run beside the active version and install it")
        propose.add_argument("run", type=Path, help="run folder of a training command")
        propose.add_argument("--weights-version", required=True, help="version written into the card")

    def _propose(self, *, run: Path, weights_version: str, **options: Any) -> None:
        from training.config import ConfigError, load_config
        from training.datasets import DatasetError
        from training.proposal import prepare_proposal

        with tempfile.TemporaryDirectory(prefix="drweb-proposal-") as scratch:
            try:
                active = active_versions().get(load_config(run / "config.toml").name)
                comparison = prepare_proposal(
                    run, Path(scratch), version=weights_version, active=active.folder if active else None
                )
            except (ConfigError, DatasetError, ValueError) as error:
                raise CommandError(str(error)) from error
            row = network_version_install(user=None, source=Path(scratch), comparison=comparison)
        self.stdout.write(f"Proposed: {row}. Its figures are under Networks, where it can be activated.")

"""`manage.py models`: the versions of the networks, for whoever runs the server."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cases.errors import ApplicationError
from cases.selectors.network_version import known_versions
from cases.services.network_version import (
    network_version_activate,
    network_version_install,
    network_version_retire,
    network_version_roll_back,
)


class Command(BaseCommand):
    help = "List, install, activate, roll back and retire versions of the networks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_actions(parser.add_subparsers(dest="action", required=True))

    def add_actions(self, actions: Any) -> None:
        actions.add_parser("list", help="every known version")
        install = actions.add_parser("install", help="check a model and keep it beside the others")
        install.add_argument("path", type=Path, help="folder, zip or tar with card.json and model.safetensors")
        for name, what in (("activate", "let a version answer requests"), ("retire", "take a version out of choice")):
            action = actions.add_parser(name, help=what)
            action.add_argument("name", help="of the network")
            action.add_argument("version")
        rollback = actions.add_parser("rollback", help="activate the version that was active before")
        rollback.add_argument("name", help="of the network")

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except (ApplicationError, OSError) as error:
            raise CommandError(str(error)) from error

    def _list(self, **options: Any) -> None:
        for known in known_versions():
            files = "" if known.card else " (files missing on this machine)"
            self.stdout.write(f"{known.name:16} {known.version:12} {known.state:10} {known.sha256}{files}")

    def _install(self, *, path: Path, **options: Any) -> None:
        row = network_version_install(user=None, source=path)
        self.stdout.write(f"Installed: {row}. Activate it with: manage.py models activate {row.name} {row.version}")

    def _activate(self, *, name: str, version: str, **options: Any) -> None:
        change = network_version_activate(user=None, name=name, sha256=_sha256(name, version))
        self.stdout.write(f"Active: {change}")

    def _rollback(self, *, name: str, **options: Any) -> None:
        self.stdout.write(f"Active: {network_version_roll_back(user=None, name=name)}")

    def _retire(self, *, name: str, version: str, **options: Any) -> None:
        self.stdout.write(f"Retired: {network_version_retire(user=None, name=name, sha256=_sha256(name, version))}")


def _sha256(name: str, version: str) -> str:
    """Of the version; the one that was installed, where one that came with the system has the same number."""
    for known in known_versions():
        if (known.name, known.version) == (name, version):
            return known.sha256
    raise CommandError(f"There is no version {version} of {name}. See: manage.py models list")

"""`manage.py compile_translations`: what compilemessages does, on machines without gettext."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polib
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Compile locale/**/*.po. With --check only report entries that are not translated."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="exit with 1 if a translation is missing or fuzzy")

    def handle(self, *, check: bool, **options: Any) -> None:
        if check:
            problems = [problem for path in _catalogues() for problem in _problems(path)]
            if problems:
                raise CommandError("Translations are incomplete:\n" + "\n".join(problems))
            return
        for path in _catalogues():
            compiled = path.with_suffix(".mo")
            if not compiled.exists() or compiled.stat().st_mtime < path.stat().st_mtime:
                polib.pofile(str(path)).save_as_mofile(str(compiled))


def _catalogues() -> Iterator[Path]:
    for folder in settings.LOCALE_PATHS:
        yield from sorted(Path(folder).glob("*/LC_MESSAGES/*.po"))


def _problems(path: Path) -> Iterator[str]:
    for entry in polib.pofile(str(path)):
        if not entry.obsolete and (entry.fuzzy or not entry.translated()):
            yield f"{path}:{entry.linenum}: {'fuzzy' if entry.fuzzy else 'missing'}: {entry.msgid!r}"

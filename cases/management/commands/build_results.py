"""`manage.py build_results`: the illustrated PDF of the Results page, in every language."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cases.services.results import results_build


class Command(BaseCommand):
    help = (
        "Make the PDF of the Results page from the cards of the installed networks, in every language. "
        "The page makes it by itself when it is first asked for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, help="folder for copies named LANGUAGE.pdf")

    def handle(self, *, out: Path | None, **options: Any) -> None:
        for language, _name in settings.LANGUAGES:
            path = results_build(language=language)
            if path is None:
                raise CommandError("No network is installed, so there are no figures: put one into the weights folder.")
            if out is not None:
                out.mkdir(parents=True, exist_ok=True)
                path = Path(shutil.copyfile(path, out / f"{language}.pdf"))
            self.stdout.write(str(path))

"""Check every signed reading against the rows and files it was signed with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cases.choices import ReadingState
from cases.models import Reading
from cases.selectors.signature import signature_problems


class Command(BaseCommand):
    help = "Check signed readings: prints what no longer agrees; exit code 1 where anything does not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--study", type=int, help="Only the readings of this study.")

    def handle(self, *args: Any, **options: Any) -> None:
        readings = Reading.objects.filter(state=ReadingState.SIGNED).select_related("amends").order_by("pk")
        if options["study"] is not None:
            readings = readings.filter(study=options["study"])
        checked = invalid = 0
        for reading in readings.iterator():
            checked += 1
            problems = signature_problems(reading)
            invalid += bool(problems)
            for problem in problems:
                self.stdout.write(f"study {reading.study_id}, reading {reading.pk} v{reading.version}: {problem}")
        self.stdout.write(f"{checked} signatures checked, {checked - invalid} valid, {invalid} invalid")
        if invalid:
            raise CommandError("Some signatures do not hold.", returncode=1)

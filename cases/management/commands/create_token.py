"""`manage.py create_token USERNAME`: an API token, alone on stdout, so that a script can take it up."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from cases.models import User
from cases.services.api_token import api_token_create


class Command(BaseCommand):
    help = "Print a new API token for a user. It is shown only now; the database keeps a hash."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what the token is for, to tell it from others")
        parser.add_argument("--days", type=int, help="lifetime in days (default: DRWEB_TOKEN_DAYS)")

    def handle(self, *, username: str, name: str, days: int | None, **options: Any) -> None:
        if days is not None and days < 1:
            raise CommandError("--days must be at least 1.")
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user named {username}.")
        if not user.is_active:
            raise CommandError(f"The user {username} is not active.")
        try:
            row, token = api_token_create(user=user, name=name, days=days)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stderr.write(f"Token for {username}, valid until {row.expiry:%Y-%m-%d %H:%M %Z}; keep it secret.")
        self.stdout.write(token)

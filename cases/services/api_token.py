from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from cases.models import ApiToken, User


@transaction.atomic
def api_token_create(*, user: User, name: str = "", days: int | None = None) -> tuple[ApiToken, str]:
    """A new token for an external program: its row, and the token itself, which is told only this once.

    It lasts `days` days, or as long as DRWEB_TOKEN_DAYS says. Tokens of the person that have expired are
    deleted. Raises `ValidationError` where the name is too long.
    """
    ApiToken.objects.filter(user=user, expiry__lt=timezone.now()).delete()
    lifetime = {} if days is None else {"expiry": dt.timedelta(days=days)}
    row, token = ApiToken.objects.create(user=user, name=name.strip(), **lifetime)
    row.full_clean()
    return row, token


@transaction.atomic
def api_token_revoke(*, token: ApiToken) -> None:
    """Make a token useless at once."""
    token.delete()

from __future__ import annotations

from django.db import transaction

from cases.models import User


@transaction.atomic
def user_set_language(*, user: User, language: str) -> User:
    """Remember the language in which `user` reads the pages."""
    user.language = language
    user.full_clean(exclude=["password"])
    user.save(update_fields=["language"])
    return user

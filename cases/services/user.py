from __future__ import annotations

from django.contrib.auth import authenticate
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases.errors import LockedOut, NotAllowed
from cases.models import User


@transaction.atomic
def user_set_language(*, user: User, language: str) -> User:
    """Remember the language in which `user` reads the pages."""
    user.language = language
    user.full_clean(exclude=["password"])
    user.save(update_fields=["language"])
    return user


def user_check_password(*, user: User, password: str, request: HttpRequest) -> None:
    """Raise `NotAllowed` unless `password` is the user's own. A wrong one counts like a failed login.

    `request` tells the guard against guessing where it comes from.
    """
    found = authenticate(request, username=user.get_username(), password=password)
    if found is not None and found.pk == user.pk:
        return
    if getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # else its middleware answers with its own page
        raise LockedOut("locked_out", _("Too many wrong passwords. Wait a quarter of an hour and try again."))
    raise NotAllowed("wrong_password", _("The password is not right. Nothing was signed."))

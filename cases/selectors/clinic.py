from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from cases.models import Clinic, User
from cases.permissions import Action, clinics_where


def clinic_get(user: User, clinic_id: int, action: Action) -> Clinic:
    """A clinic in which `user` may do `action`.

    Raises `Http404` where they do not work, `PermissionDenied` where their role is another.
    """
    clinic = get_object_or_404(Clinic.objects.for_user(user), pk=clinic_id)
    if not clinics_where(user, action).filter(pk=clinic.pk).exists():
        raise PermissionDenied
    return clinic


def clinic_first(user: User, action: Action) -> Clinic:
    """The first clinic in which `user` may do `action`. Raises `PermissionDenied` where there is none."""
    clinic = clinics_where(user, action).first()
    if clinic is None:
        raise PermissionDenied
    return clinic

"""Who may do what in a clinic. One matrix, asked by every service that writes."""

from __future__ import annotations

from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from cases.choices import Role
from cases.errors import NotAllowed
from cases.models import Clinic, Membership, User


class Action(StrEnum):
    """What can be done with the records of a clinic."""

    VIEW = "view"
    EDIT_PATIENT = "edit_patient"
    UPLOAD = "upload"
    ANALYSE = "analyse"
    CORRECT = "correct"
    READ = "read"
    REPORT = "report"
    MANAGE = "manage"


_RECORDS = frozenset({Action.VIEW, Action.EDIT_PATIENT, Action.UPLOAD, Action.ANALYSE})
_READING = frozenset({Action.CORRECT, Action.READ, Action.REPORT})

MATRIX: dict[str, frozenset[Action]] = {
    Role.TECHNICIAN: _RECORDS,
    Role.READER: _RECORDS | _READING,
    Role.SENIOR_READER: _RECORDS | _READING,
    Role.CLINIC_ADMIN: _RECORDS | {Action.REPORT, Action.MANAGE},
}


def may(user: User, action: Action, clinic: Clinic) -> bool:
    """Whether `user` may do `action` in `clinic`; system administrators may do everything."""
    if not user.is_active:
        return False
    if user.is_superuser:
        return True
    membership = Membership.objects.filter(user=user, clinic=clinic).first()
    return membership is not None and action in MATRIX[membership.role]


def authorize(user: User, action: Action, clinic: Clinic) -> None:
    """Raise `NotAllowed` unless `user` may do `action` in `clinic`."""
    if not may(user, action, clinic):
        raise NotAllowed(
            "not_allowed",
            _("Your role in this clinic does not allow this. Ask a clinic administrator."),
            action=action.value,
        )

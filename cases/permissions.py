"""Who may do what in a clinic. One matrix, asked by every service that writes."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from cases.choices import READING_ROLES, Role
from cases.errors import NotAllowed
from cases.models import Clinic, Membership, Study, StudyShare, User
from cases.models.base import ClinicQuerySet


class Action(StrEnum):
    """What can be done with the records of a clinic."""

    VIEW = "view"
    EDIT_PATIENT = "edit_patient"
    UPLOAD = "upload"
    ANALYSE = "analyse"
    CORRECT = "correct"
    READ = "read"
    ADJUDICATE = "adjudicate"
    REPORT = "report"
    COMPARE_READERS = "compare_readers"
    TAKE = "take"
    ASSIGN = "assign"
    SHARE = "share"
    ADVISE = "advise"
    HISTORY = "history"
    MANAGE = "manage"


_RECORDS = frozenset({Action.VIEW, Action.EDIT_PATIENT, Action.UPLOAD, Action.ANALYSE, Action.TAKE})
_READING = frozenset({Action.CORRECT, Action.READ, Action.REPORT})

MATRIX: dict[str, frozenset[Action]] = {
    Role.TECHNICIAN: _RECORDS,
    Role.READER: _RECORDS | _READING,
    Role.SENIOR_READER: _RECORDS | _READING | {Action.ADJUDICATE, Action.COMPARE_READERS, Action.ASSIGN, Action.SHARE},
    Role.CLINIC_ADMIN: _RECORDS
    | {Action.REPORT, Action.COMPARE_READERS, Action.ASSIGN, Action.SHARE, Action.HISTORY, Action.MANAGE},
}

# Where another clinic shares a study with one's own.
GUEST_MATRIX: dict[str, frozenset[Action]] = dict.fromkeys(READING_ROLES, frozenset({Action.VIEW, Action.ADVISE}))


def actions_of(user: User, clinic: Clinic) -> frozenset[Action]:
    """Everything `user` may do in `clinic`; system administrators may do everything."""
    if not user.is_active:
        return frozenset()
    if user.is_superuser:
        return frozenset(Action) - {Action.ADVISE}  # advice comes from another clinic
    membership = Membership.objects.filter(user=user, clinic=clinic).first()
    return MATRIX[membership.role] if membership else frozenset()


def guest_actions_of(user: User, study: Study) -> frozenset[Action]:
    """Everything `user` may do with `study` as a reader of a clinic with which it is shared."""
    shares = StudyShare.objects.for_guest(user).filter(study=study)
    roles = Membership.objects.filter(user=user, clinic__in=shares.values("clinic")).values_list("role", flat=True)
    return frozenset().union(*(GUEST_MATRIX.get(role, frozenset()) for role in roles))


def may(user: User, action: Action, clinic: Clinic) -> bool:
    """Whether `user` may do `action` in `clinic`."""
    return action in actions_of(user, clinic)


def clinics_where(user: User, action: Action) -> ClinicQuerySet:
    """The clinics in which `user` may do `action`."""
    clinics = Clinic.objects.for_user(user)
    if user.is_superuser:
        return clinics
    roles = [role for role, actions in MATRIX.items() if action in actions]
    return clinics.filter(pk__in=user.memberships.filter(role__in=roles).values("clinic_id"))


def people_who(action: Action, clinic: Clinic) -> QuerySet[User]:
    """Everybody who may do `action` in `clinic`, by name; system administrators are left out."""
    roles = [role for role, actions in MATRIX.items() if action in actions]
    members = User.objects.filter(is_active=True, memberships__clinic=clinic, memberships__role__in=roles)
    return members.order_by("last_name", "first_name", "username")


def authorize(user: User, action: Action, clinic: Clinic) -> None:
    """Raise `NotAllowed` unless `user` may do `action` in `clinic`."""
    _require(action, actions_of(user, clinic))


def authorize_guest(user: User, action: Action, study: Study) -> None:
    """Raise `NotAllowed` unless `user` may do `action` with `study`, which another clinic shares with theirs."""
    _require(action, guest_actions_of(user, study))


def _require(action: Action, allowed: frozenset[Action]) -> None:
    if action not in allowed:
        raise NotAllowed(
            "not_allowed",
            _("Your role in this clinic does not allow this. Ask a clinic administrator."),
            action=action.value,
        )


def authorize_system(user: User) -> None:
    """Raise `NotAllowed` unless `user` is a system administrator: some things concern every clinic."""
    if not (user.is_active and user.is_superuser):
        raise NotAllowed("not_allowed", _("Only a system administrator may do this."))

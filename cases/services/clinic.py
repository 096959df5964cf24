from __future__ import annotations

from django.db import transaction

from cases.models import Clinic, Membership, User


@transaction.atomic
def clinic_create(*, name: str, address: str = "", default_model: str = "") -> Clinic:
    """Found a clinic. Raises `ValidationError` where the name is taken."""
    clinic = Clinic(name=name, address=address, default_model=default_model)
    clinic.full_clean()
    clinic.save()
    return clinic


@transaction.atomic
def membership_set(*, user: User, clinic: Clinic, role: str) -> Membership:
    """Give `user` a role in `clinic`, in place of the one they had there."""
    membership = Membership.objects.filter(user=user, clinic=clinic).first() or Membership(user=user, clinic=clinic)
    membership.role = role
    membership.full_clean()
    membership.save()
    return membership

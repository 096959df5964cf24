from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from cases.errors import Conflict
from cases.models import Clinic, Membership, User
from cases.permissions import Action, authorize
from cases.selectors.network_version import active_versions


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


@transaction.atomic
def clinic_set_default_network(*, user: User, clinic: Clinic, name: str) -> Clinic:
    """Choose the network that a clinic's photographs are analysed with where nobody says otherwise.

    An empty name: the system's default. Raises `Conflict` for a network that is not active.
    """
    authorize(user, Action.MANAGE, clinic)
    model = active_versions().get(name)
    if name and (model is None or model.card.kind != "segmentation"):
        raise Conflict("not_active", _("This network is not active. Choose one that is."))
    clinic.default_model = name
    clinic.save(update_fields=["default_model"])
    return clinic

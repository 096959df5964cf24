"""Which version of a network is active. Every change is a row that stays; the newest one holds, from one photograph to
the next: a waiting photograph is still analysed by the version that it was queued for.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.errors import Conflict
from cases.models import NetworkActivation, NetworkVersion, User
from cases.permissions import authorize_system
from cases.selectors.network_version import active_versions
from cases.services.inference_errors import translated
from inference.registry import find_model, verify_weights

logger = logging.getLogger(__name__)


@transaction.atomic
def network_version_activate(*, user: User | None, name: str, sha256: str) -> NetworkActivation:
    """Let a version answer all further requests for its network. `user` is None on the server's command line.

    Raises `Conflict` where it is active already or retired, `Unavailable` where its files are missing or altered.
    """
    _authorize(user)
    _log(name)  # locks: two changes of one network take turns
    row = NetworkVersion.objects.filter(name=name, sha256=sha256).first()
    if row is not None and row.retired_at:
        raise Conflict("version_retired", _("This version is retired. Install a newer one."))
    if row is not None and row.proposed:
        row.proposed = False
        row.save(update_fields=["proposed"])
    return _activate(user, name, sha256)


@transaction.atomic
def network_version_roll_back(*, user: User | None, name: str) -> NetworkActivation:
    """Activate the version that was active before; called again, the one before that.

    Raises `Conflict` where there is none, `Unavailable` where its files are missing or altered.
    """
    _authorize(user)
    beneath: list[str] = []
    for change in _log(name):
        if change.rolled_back:
            beneath.pop()
        else:
            beneath.append(change.previous_sha256)
    if not beneath or not beneath[-1]:
        raise Conflict("nothing_to_roll_back", _("No other version of this network was active before."))
    return _activate(user, name, beneath[-1], rolled_back=True)


@transaction.atomic
def network_version_retire(*, user: User | None, name: str, sha256: str) -> NetworkVersion:
    """Take a version out of the choice. Its files stay: results name it. Raises `Conflict` where it is active."""
    _authorize(user)
    _log(name)
    row = NetworkVersion.objects.select_for_update().filter(name=name, sha256=sha256).first()
    if row is None:
        raise Conflict("version_shipped", _("This version came with the system and cannot be retired."))
    active = active_versions().get(name)
    if active is not None and active.card.sha256 == sha256:
        raise Conflict("version_active", _("This version is active. Activate another one first."))
    row.retired_at = row.retired_at or timezone.now()
    row.proposed = False
    row.save(update_fields=["retired_at", "proposed"])
    logger.info("network %s %s retired by user %s", row.name, row.version, user and user.pk)
    return row


def _activate(user: User | None, name: str, sha256: str, *, rolled_back: bool = False) -> NetworkActivation:
    active = active_versions().get(name)
    if active is not None and active.card.sha256 == sha256:
        raise Conflict("already_active", _("This version is active already."))
    with translated():
        model = find_model(name, sha256)
        verify_weights(model)
    change = NetworkActivation.objects.create(
        name=name,
        version=model.card.version,
        sha256=sha256,
        previous_sha256=active.card.sha256 if active else "",
        rolled_back=rolled_back,
        activated_by=user,
    )
    done = "rolled back to" if rolled_back else "activated"
    logger.info("network %s: %s version %s by user %s", name, done, change.version, user and user.pk)
    return change


def _log(name: str) -> list[NetworkActivation]:
    return list(NetworkActivation.objects.select_for_update().filter(name=name).order_by("pk"))


def _authorize(user: User | None) -> None:
    if user is not None:
        authorize_system(user)

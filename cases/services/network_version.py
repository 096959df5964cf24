"""Versions of networks: installed beside each other, one of each network active.

Every change of what is active is a row that stays; the newest one holds, from one photograph to the next: a waiting
photograph is still analysed by the version that it was queued for.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.errors import Conflict
from cases.models import NetworkActivation, NetworkVersion, User
from cases.permissions import authorize_system
from cases.selectors.network_version import active_versions
from cases.services.inference_errors import translated
from inference.cards import ModelCard
from inference.errors import ModelUnavailable
from inference.installation import check_model, unpack
from inference.registry import InstalledModel, find_model, models_folder, shipped_versions, verify_weights

logger = logging.getLogger(__name__)


def network_version_install(
    *, user: User | None, source: Path | IO[bytes], comparison: dict[str, Any] | None = None
) -> NetworkVersion:
    """Check a model and keep it beside the others; it answers no requests before it is activated.

    `source` is a folder, or an archive as its path or open file. With a `comparison` the version is proposed: its
    figures beside those of the active one, for whoever is to decide. Takes seconds. `user` is None on the server's
    command line. Raises `ApplicationError` with what is wrong, `Conflict` where the version or its weights are here
    already; nothing is kept then.
    """
    _authorize(user)
    models_folder().mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that moving it there is one step; one level up, so that nobody takes it for a model.
    staging = Path(tempfile.mkdtemp(dir=models_folder(), prefix=".installing-"))
    try:
        with translated():
            unpack(source, staging)
            card = check_model(staging)
        return _keep(user, card, staging, comparison or {})
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _keep(user: User | None, card: ModelCard, staging: Path, comparison: dict[str, Any]) -> NetworkVersion:
    known = NetworkVersion.objects.filter(name=card.name, version=card.version).first()
    if known is not None and known.sha256 == card.sha256 and not _is_intact(known):
        _move(staging, known)  # its files were lost or altered
        return known
    if known is not None or any(_is_version(shipped, card) for shipped in shipped_versions()):
        raise _exists(card)
    row = NetworkVersion(
        name=card.name,
        version=card.version,
        sha256=card.sha256,
        card=card.to_dict(),
        proposed=bool(comparison),
        comparison=comparison,
        installed_by=user,
    )
    try:
        with transaction.atomic():
            row.save()
            _move(staging, row)
    except IntegrityError as error:
        raise _exists(card) from error
    logger.info("network %s %s (%s) installed by user %s", row.name, row.version, row.sha256, user and user.pk)
    return row


def _move(staging: Path, row: NetworkVersion) -> None:
    target = models_folder() / row.name / row.version
    target.parent.mkdir(exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)  # what an installation left that was killed before its row was there
    staging.rename(target)


def _is_intact(row: NetworkVersion) -> bool:
    try:
        verify_weights(find_model(row.name, row.sha256))
    except ModelUnavailable:
        return False
    return True


def _is_version(model: InstalledModel, card: ModelCard) -> bool:
    same_weights = model.card.sha256 == card.sha256
    return model.name == card.name and (same_weights or model.card.version == card.version)


def _exists(card: ModelCard) -> Conflict:
    return Conflict(
        "version_exists",
        _("Version %(version)s of %(name)s, or its weights under another version, are here already.")
        % {"version": card.version, "name": card.name},
    )


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

"""Who is working on a study. It reserves nothing but attention: whoever may read a study may still open it."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.errors import ApplicationError, Conflict
from cases.models import Study, User
from cases.notifications import study_changed, work_list_changed
from cases.permissions import Action, authorize, may


@transaction.atomic
def study_take(*, user: User, study: Study) -> Study:
    """Put the study on the user's own desk. Raises `Conflict` with the name of whoever was quicker."""
    authorize(user, Action.TAKE, study.clinic)
    return _assign(study, to=user, held_by=(None, user.pk))


@transaction.atomic
def study_hand_over(*, user: User, study: Study, to: User) -> Study:
    """Give the study to a colleague: one's own, or with `Action.ASSIGN` anybody's.

    Raises `NotAllowed`, `Conflict` where it changed hands meanwhile, `ApplicationError` where the colleague cannot
    take studies of this clinic.
    """
    _authorize_holder(user, study)
    if not may(to, Action.TAKE, study.clinic):
        raise ApplicationError("not_a_colleague", _("This person does not take studies of this clinic."))
    return _assign(study, to=to, held_by=(study.assigned_to_id, to.pk))


@transaction.atomic
def study_release(*, user: User, study: Study) -> Study:
    """Give the study back to all: one's own, or with `Action.ASSIGN` anybody's."""
    _authorize_holder(user, study)
    return _assign(study, to=None, held_by=(study.assigned_to_id, None))


def _authorize_holder(user: User, study: Study) -> None:
    held = study.assigned_to_id == user.pk
    authorize(user, Action.TAKE if held else Action.ASSIGN, study.clinic)


def _assign(study: Study, *, to: User | None, held_by: tuple[int | None, ...]) -> Study:
    """Only while the study is where the user saw it: two people at once are told apart by the row's lock."""
    row = Study.objects.select_for_update(of=("self",)).select_related("assigned_to").get(pk=study.pk)
    if row.assigned_to_id not in held_by:
        holder = row.assigned_to.display_name() if row.assigned_to else ""
        raise Conflict(
            "already_taken",
            _("%(name)s has taken this study meanwhile.") % {"name": holder}
            if holder
            else _("This study was given back meanwhile."),
            assigned_to=holder,
        )
    study.assigned_to = to
    study.listed_at = timezone.now()
    study.save(update_fields=["assigned_to", "listed_at"])
    transaction.on_commit(lambda: study_changed(study.pk))
    transaction.on_commit(lambda: work_list_changed(study.clinic_id))
    return study

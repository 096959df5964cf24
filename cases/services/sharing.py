"""Sharing a study with another clinic for a second opinion."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.errors import ApplicationError, Conflict, NotAllowed
from cases.models import Clinic, SecondOpinion, Study, StudyShare, User
from cases.notifications import study_changed, work_list_changed
from cases.permissions import Action, authorize, authorize_guest

LONGEST = dt.timedelta(days=365)


@transaction.atomic
def study_share(*, user: User, study: Study, clinic: Clinic, purpose: str, until: dt.date) -> StudyShare:
    """Show the study to the readers of `clinic` up to and including the day `until`, at most a year.

    Raises `NotAllowed`, `ApplicationError` where clinic or day make no sense, `Conflict` where it is shared already.
    """
    authorize(user, Action.SHARE, study.clinic)
    Study.objects.select_for_update().get(pk=study.pk)
    today = timezone.localdate()
    if clinic.pk == study.clinic_id:
        raise ApplicationError("own_clinic", _("This is the study's own clinic. Choose another one."))
    if not today <= until <= today + LONGEST:
        raise ApplicationError("bad_day", _("Share for today at least and for a year at most."))
    if StudyShare.objects.live().filter(study=study, clinic=clinic).exists():
        raise Conflict("shared_already", _("The study is shared with this clinic already. Revoke that first."))
    share = StudyShare(study=study, clinic=clinic, purpose=purpose.strip(), until=until, created_by=user)
    share.full_clean()
    share.save()
    _tell(share)
    return share


@transaction.atomic
def study_share_revoke(*, user: User, share: StudyShare) -> StudyShare:
    """Hide the study from the other clinic again, at once. What it said stays."""
    authorize(user, Action.SHARE, share.study.clinic)
    share = StudyShare.objects.select_for_update(of=("self",)).select_related("study").get(pk=share.pk)
    if share.revoked_at is None:
        share.revoked_at = timezone.now()
        share.save(update_fields=["revoked_at"])
        _tell(share)
    return share


@transaction.atomic
def second_opinion_give(
    *, user: User, study: Study, text: str, grade_od: int | None = None, grade_os: int | None = None
) -> SecondOpinion:
    """Keep what a reader of another clinic says; each statement stays as it is, a later one stands beside it.

    Raises `NotAllowed` where the study is not shared with a clinic in which the user is a reader.
    """
    authorize_guest(user, Action.ADVISE, study)
    share = StudyShare.objects.for_guest(user).filter(study=study).first()
    if share is None:
        raise NotAllowed("not_shared", _("This study is not shared with your clinic any more."))
    opinion = SecondOpinion(
        study=study, share=share, author=user, text=text.strip(), grade_od=grade_od, grade_os=grade_os
    )
    opinion.full_clean()
    opinion.save()
    transaction.on_commit(lambda: study_changed(study.pk))
    return opinion


def _tell(share: StudyShare) -> None:
    transaction.on_commit(lambda: study_changed(share.study_id))
    transaction.on_commit(lambda: work_list_changed(share.clinic_id))

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Max, QuerySet
from django.http import Http404

from cases.models import Clinic, HistoryEntry, Membership, SecondOpinion, Study, StudyShare, User


@dataclass(frozen=True)
class SharedWith:
    """A share as the study's own clinic sees it: with who of the other clinic looked, and when last."""

    share: StudyShare
    viewers: list[dict[str, object]]


def shares_of(user: User, study: Study) -> list[SharedWith]:
    """All shares of a study of the user's own clinics, the newest first."""
    shares = StudyShare.objects.of_clinics_of(user).filter(study=study).select_related("clinic", "created_by")
    return [SharedWith(share, _viewers(share)) for share in shares]


def share_get(user: User, share_id: int) -> StudyShare:
    """A share of a study of the user's own clinics. Raises `Http404` for all others."""
    share = StudyShare.objects.of_clinics_of(user).select_related("study__clinic", "clinic").filter(pk=share_id).first()
    if share is None:
        raise Http404
    return share


def guest_share(user: User, study: Study) -> StudyShare | None:
    """The share by which `user` sees the study as a guest; None where there is none."""
    return StudyShare.objects.for_guest(user).filter(study=study).select_related("clinic").first()


def clinics_to_share_with(study: Study) -> QuerySet[Clinic]:
    """All other clinics, by name: a name is no secret between clinics that ask each other for advice."""
    return Clinic.objects.exclude(pk=study.clinic_id)


def second_opinions(user: User, study: Study) -> QuerySet[SecondOpinion]:
    """What other clinics said of the study, as far as `user` may see it, newest first."""
    opinions = SecondOpinion.objects.for_user(user).filter(study=study)
    return opinions.select_related("author", "share__clinic")


def _viewers(share: StudyShare) -> list[dict[str, object]]:
    guests = Membership.objects.filter(clinic=share.clinic).values("user_id")
    looked = HistoryEntry.objects.filter(
        study=share.study_id, action=HistoryEntry.Action.ACCESS, actor__in=guests, timestamp__gte=share.created_at
    ).order_by()
    rows = looked.values("actor").annotate(last=Max("timestamp")).order_by("-last")
    people = User.objects.in_bulk([row["actor"] for row in rows])
    return [{"name": people[row["actor"]].display_name(), "last": row["last"]} for row in rows]

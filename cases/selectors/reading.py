from __future__ import annotations

from django.db.models import Q, QuerySet

from cases.choices import ReadingState, StudyQueue
from cases.models import Reading, Study, User


def reading_of(user: User, study: Study) -> Reading | None:
    """The user's own reading of the study: what they are writing, or else the newest they signed."""
    own = Reading.objects.for_user(user).filter(study=study, reader=user)
    return own.order_by("state", "-signed_at").first()  # "draft" comes before "signed"


def other_readings(user: User, study: Study) -> QuerySet[Reading]:
    """What other readers wrote about the study, newest first, as far as `user` may see it; without empty drafts."""
    empty = Q(diagnosis="", grade_od=None, grade_os=None, gradability_od="", gradability_os="", amends=None)
    readings = Reading.objects.for_user(user).filter(study=study).select_related("reader", "amends")
    return readings.exclude(reader=user).exclude(empty)


def reading_state_of(study: Study) -> StudyQueue:
    """How far the study is read: `TO_READ`, `TO_ADJUDICATE` (readers differ, a senior reader decides) or `SIGNED`."""
    if study.conclusion_id is not None:
        return StudyQueue.SIGNED
    signed = study.readings.filter(state=ReadingState.SIGNED)
    return StudyQueue.TO_ADJUDICATE if not study.blind and signed.exists() else StudyQueue.TO_READ

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from cases.choices import ReadingKind, ReadingState, StudyQueue
from cases.models import Reading, Study, User
from cases.selectors.viewer import Viewer


def reading_of(user: User, study: Study) -> Reading | None:
    """The user's own reading of the study: what they may write on, or else the newest they signed."""
    own = list(Reading.objects.for_user(user).filter(study=study, reader=user))
    drafts = [reading for reading in own if is_current_draft(reading, study)]
    signed = sorted((row for row in own if row.signed_at is not None), key=lambda row: row.pk, reverse=True)
    return next(iter([*drafts, *signed, *own]), None)


def reading_get(user: Viewer, reading_id: int) -> Reading:
    """A reading that `user` may see. Raises `Http404` for all others."""
    readings = Reading.objects.for_user(user).select_related("reader", "study", "amends")
    return get_object_or_404(readings, pk=reading_id)


def signature_get(user: Viewer, reading_id: int) -> Reading:
    """A signed reading that `user` may see. Raises `Http404` for all others."""
    reading = reading_get(user, reading_id)
    if reading.state != ReadingState.SIGNED:
        raise Http404
    return reading


def is_current_draft(reading: Reading, study: Study) -> bool:
    """Whether the reading is unsigned and what the study is waiting for, or amends what was concluded."""
    if reading.state != ReadingState.DRAFT:
        return False
    if study.conclusion_id is not None or reading.amends_id is not None:
        return study.conclusion_id == reading.amends_id
    waiting_for = ReadingKind.READING if reading_state_of(study) == StudyQueue.TO_READ else ReadingKind.ADJUDICATION
    return reading.kind == waiting_for


def other_readings(user: User, study: Study) -> QuerySet[Reading]:
    """What other readers wrote about the study, newest first, as far as `user` may see it; without empty drafts."""
    empty = Q(diagnosis="", grade_od=None, grade_os=None, gradability_od="", gradability_os="", amends=None)
    readings = Reading.objects.for_user(user).filter(study=study).select_related("reader", "amends")
    return readings.exclude(reader=user).exclude(empty)


def readings_of_study(user: User, study: Study) -> QuerySet[Reading]:
    """All readings of the study that `user` may see, every version, oldest first."""
    readings = Reading.objects.for_user(user).filter(study=study)
    return readings.select_related("reader", "amends__reader").order_by("pk")


def reading_state_of(study: Study) -> StudyQueue:
    """How far the study is read: `TO_READ`, `TO_ADJUDICATE` (readers differ, a senior reader decides) or `SIGNED`."""
    if study.conclusion_id is not None:
        return StudyQueue.SIGNED
    signed = study.readings.filter(state=ReadingState.SIGNED)
    return StudyQueue.TO_ADJUDICATE if not study.blind and signed.exists() else StudyQueue.TO_READ


def readings_to_compare(study: Study) -> list[Reading]:
    """The first versions of what readers signed by themselves, in the order in which they signed: at most two."""
    rows = Reading.objects.filter(study=study, kind=ReadingKind.READING, amends=None, state=ReadingState.SIGNED)
    return list(rows.select_related("reader").order_by("signed_at", "pk"))

from __future__ import annotations

from django.db.models import Q, QuerySet

from cases.models import Reading, Study, User


def reading_of(user: User, study: Study) -> Reading | None:
    """The user's own reading of the study."""
    return Reading.objects.for_user(user).filter(study=study, reader=user).first()


def other_readings(user: User, study: Study) -> QuerySet[Reading]:
    """What other readers wrote about the study, newest first; empty drafts are left out."""
    empty = Q(diagnosis="", grade_od=None, grade_os=None)
    readings = Reading.objects.for_user(user).filter(study=study).select_related("reader")
    return readings.exclude(reader=user).exclude(empty)

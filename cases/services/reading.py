from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from cases.choices import ReadingState
from cases.errors import Conflict
from cases.models import Reading, Study, User
from cases.notifications import study_changed
from cases.permissions import Action, authorize


@transaction.atomic
def reading_save(
    *, user: User, study: Study, diagnosis: str, grade_od: int | None = None, grade_os: int | None = None
) -> Reading:
    """Keep what the reader concludes so far; each reader has one reading of a study."""
    authorize(user, Action.READ, study.clinic)
    Study.objects.select_for_update().get(pk=study.pk)
    reading = Reading.objects.filter(study=study, reader=user).first() or Reading(study=study, reader=user)
    if reading.state == ReadingState.SIGNED:
        raise Conflict("already_signed", _("This reading is signed and can no longer be changed."))
    reading.diagnosis = diagnosis
    reading.grade_od = grade_od
    reading.grade_os = grade_os
    reading.full_clean()
    reading.save()
    transaction.on_commit(lambda: study_changed(study.pk))
    return reading

"""What may still be changed in a study of which a reader has signed something."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from cases.choices import ReadingState
from cases.errors import Conflict
from cases.models import Reading, Study, User
from cases.selectors.reading import is_current_draft


def photographs_check_open(*, study: Study) -> None:
    """Raise `Conflict` where photographs, their eyes and their quality are part of what somebody has signed.

    While an amendment is being written they are open again.
    """
    readings = Reading.objects.filter(study=study)
    if not readings.filter(state=ReadingState.SIGNED).exists():
        return
    if readings.filter(state=ReadingState.DRAFT, amends=study.conclusion_id).exclude(amends=None).exists():
        return
    raise Conflict(
        "study_signed",
        _("A reader has signed what these photographs show. Open a new study, or start an amendment first."),
    )


def readings_check_shown(*, study: Study) -> None:
    """Raise `Conflict` while two readers judge the study without seeing each other."""
    if study.blind:
        raise Conflict("blind", _("Two readers judge this study without each other. Wait until both have signed."))


def network_check_shown(*, study: Study) -> None:
    """Raise `Conflict` while the networks' results are hidden from the readers."""
    if study.network_hidden:
        raise Conflict("blind", _("The network's results stay hidden until both readers of this study have signed."))


def masks_check_open(*, user: User, study: Study) -> None:
    """Raise `Conflict` unless `user` may still correct masks: in an open reading, or their own amendment."""
    readings = Reading.objects.filter(study=study)
    own = readings.filter(reader=user)
    signed = own if study.blind else readings
    if not signed.filter(state=ReadingState.SIGNED).exists():
        return
    if any(is_current_draft(reading, study) for reading in own.filter(state=ReadingState.DRAFT)):
        return
    raise Conflict(
        "study_signed", _("These masks are part of a signed reading. Start an amendment or an adjudication first.")
    )

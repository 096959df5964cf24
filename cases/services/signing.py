"""Signing: what a reader states becomes a locked, hashed version, and may conclude the study."""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.choices import Gradability, Laterality, ReadingKind, ReadingMode, ReadingState
from cases.decision import EYES
from cases.differences import differences
from cases.errors import ApplicationError, Conflict
from cases.models import Image, Reading, Study, User
from cases.notifications import study_changed
from cases.permissions import Action, authorize, may
from cases.selectors.decision import decision_by
from cases.selectors.lesion_rules import grade_disagreements
from cases.selectors.reading import readings_to_compare
from cases.selectors.signature import canonical, mask_hashes, sha256_of, signed_document, study_seen
from cases.selectors.study import study_get
from cases.services.mask_agreement import mask_agreement_record
from cases.services.mask_line import masks_put_back
from cases.services.reading import Words, reading_save
from cases.services.study_queue import study_queue_refresh

logger = logging.getLogger(__name__)

READERS_NEEDED = 2  # of a study read twice


def reading_sign(*, user: User, study: Study, words: Words, seen: str = "") -> Reading:
    """Sign `words` as the user's reading, amendment or adjudication; whoever calls this has checked the password.

    `seen` is what `study_seen` told when the reader looked. Raises `NotAllowed`, `ApplicationError` where an eye is not
    judged, `Conflict` where the study changed since, or where somebody else has concluded it.
    """
    authorize(user, Action.READ, study.clinic)
    hashes = mask_hashes(study_get(user, study.pk))  # before the transaction: it reads files
    with transaction.atomic():
        Study.objects.select_for_update().get(pk=study.pk)  # signatures take turns
        reading = reading_save(user=user, study=study, words=words)
        shown = study_get(user, study.pk)
        images = list(shown.images.all())
        _check_complete(reading, images)
        if seen and seen != study_seen(shown):
            raise _changed()
        _lock(reading, shown, images, hashes)
        _conclude(shown, reading, images)
        study_queue_refresh(study=shown)
        transaction.on_commit(lambda: study_changed(shown.pk))
    _count_agreement(reading)
    return reading


def _count_agreement(reading: Reading) -> None:
    """For statistics alone: what goes wrong here must not look as if nothing had been signed."""
    try:
        mask_agreement_record(reading=reading)
    except Exception:
        logger.exception("agreement of the masks of reading %s was not counted", reading.pk)


def _changed() -> Conflict:
    return Conflict(
        "changed_since_seen",
        _("Photographs, results or masks of this study changed while you were looking. Look again, then sign."),
    )


def _check_complete(reading: Reading, images: list[Image]) -> None:
    """Every photographed eye is graded, or is said to be ungradable."""
    if not images:
        raise ApplicationError("no_image", _("There is no photograph yet. Upload one first."))
    if any(image.laterality == Laterality.UNKNOWN for image in images):
        raise ApplicationError("eye_not_stated", _("State for each photograph which eye it shows, then sign."))
    for eye in EYES:
        ungradable = reading.gradability(eye) in (Gradability.UNGRADABLE, Gradability.ABSENT)
        if ungradable and reading.grade(eye) is not None:
            raise ApplicationError(
                "graded_though_ungradable",
                _("%(eye)s: an eye that cannot be graded has no grade. Take one of the two back.") % {"eye": eye},
                eye=eye,
            )
        photographed = any(image.laterality == eye for image in images)
        if photographed and not ungradable and reading.grade(eye) is None:
            raise ApplicationError(
                "eye_not_graded", _("%(eye)s: give a grade, or state that it is ungradable.") % {"eye": eye}, eye=eye
            )


def _lock(reading: Reading, study: Study, images: list[Image], hashes: dict[str, str]) -> None:
    reading.study = study
    reading.signed_at = timezone.now()
    try:
        reading.snapshot = canonical(signed_document(reading, images, hashes))
    except KeyError:  # a mask that was saved since the files were read
        raise _changed() from None
    reading.sha256 = sha256_of(reading.snapshot)
    reading.state = ReadingState.SIGNED
    reading.full_clean()
    reading.save()


def _conclude(study: Study, reading: Reading, images: list[Image]) -> None:
    """Make the reading the study's conclusion, or that of the worse of two that agree; else leave it to be decided."""
    holds: Reading | None = reading
    if reading.kind == ReadingKind.READING and reading.amends is None:
        readings = readings_to_compare(study)
        if study.reading_mode != ReadingMode.SINGLE:
            if len(readings) < READERS_NEEDED:
                return
            study.blind = False
            apart = study.clinic.adjudicate_from
            agreed = not differences(readings[0], readings[1], grades_apart=apart)
            holds = _worse(readings, images) if agreed else None
        if _senior_needed(study, readings):
            holds = None
    study.conclusion = holds
    study.save(update_fields=["blind", "conclusion"])
    if holds is not None and study.reading_mode != ReadingMode.SINGLE:
        masks_put_back(reading=holds)


def _senior_needed(study: Study, readings: list[Reading]) -> bool:
    """Whether network and lesion rule disagree on a grade, and no senior reader has signed."""
    if not study.clinic.senior_reads_disagreements or not grade_disagreements(study):
        return False
    return not any(may(reading.reader, Action.ADJUDICATE, study.clinic) for reading in readings)


def _worse(readings: list[Reading], images: list[Image]) -> Reading:
    """Of two readings that agree well enough, the one with the more cautious decision; else the earlier one."""
    return max(readings, key=lambda reading: (_order(reading, images), -reading.pk))


def _order(reading: Reading, images: list[Image]) -> tuple[int, int]:
    decision = decision_by(reading, images)
    return decision.worse.order if decision else (0, 0)

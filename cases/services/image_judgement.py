"""What a person states of a photograph against, or in place of, what the program found."""

from __future__ import annotations

from dataclasses import asdict

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.choices import LandmarkKind, QualityVerdict
from cases.errors import ApplicationError
from cases.models import Image, Study, User
from cases.notifications import study_changed
from cases.permissions import Action, authorize
from cases.services.study_lock import photographs_check_open
from cases.services.study_queue import study_queue_refresh
from inference.landmarks import Landmark, laterality_of


@transaction.atomic
def image_override_quality(*, user: User, image: Image, verdict: str, note: str) -> Image:
    """Put a reader's verdict over the quality gate's, with the reason; an empty verdict takes it back.

    Raises `NotAllowed`, `Conflict` where a reading is signed, `ApplicationError` for a verdict without a reason.
    """
    authorize(user, Action.READ, image.study.clinic)
    photographs_check_open(study=Study.objects.select_for_update().get(pk=image.study_id))
    photographs_check_open(study=image.study)
    note = note.strip()
    if verdict and not note:
        raise ApplicationError("note_needed", _("Say why: a verdict against the quality gate needs a note."))
    image.quality_override = QualityVerdict(verdict) if verdict else ""
    image.quality_note = note
    image.quality_overridden_by = user
    image.quality_overridden_at = timezone.now()
    image.full_clean()
    image.save(update_fields=["quality_override", "quality_note", "quality_overridden_by", "quality_overridden_at"])
    study_queue_refresh(study=image.study)
    transaction.on_commit(lambda: study_changed(image.study_id))
    return image


@transaction.atomic
def image_place_landmark(*, user: User, image: Image, kind: str, x: float, y: float) -> Image:
    """Mark where optic disc or fovea are, in pixels of the upright photograph; the eye proposed follows.

    Raises `NotAllowed`, `Conflict` where a reading is signed, `ApplicationError` for a place outside the photograph.
    """
    authorize(user, Action.UPLOAD, image.study.clinic)
    photographs_check_open(study=Study.objects.select_for_update().get(pk=image.study_id))
    photographs_check_open(study=image.study)
    if not (0 <= x < image.width and 0 <= y < image.height):
        raise ApplicationError("outside_photograph", _("The place lies outside the photograph. Click on the retina."))
    row = Image.objects.select_for_update().get(pk=image.pk)
    placed = {**asdict(Landmark(round(x, 1), round(y, 1), 1.0)), "placed_by": user.pk}
    row.landmarks = {**row.landmarks, LandmarkKind(kind).value: placed}
    disc, fovea = row.landmarks.get("disc"), row.landmarks.get("fovea")
    if disc and fovea:
        row.landmarks["laterality"] = laterality_of(
            (disc["x"], disc["y"]), (fovea["x"], fovea["y"]), upside_down=row.landmarks.get("upside_down", False)
        )
    row.save(update_fields=["landmarks"])
    image.landmarks = row.landmarks
    transaction.on_commit(lambda: study_changed(image.study_id))
    return image

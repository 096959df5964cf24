from __future__ import annotations

import hashlib

from django.utils.translation import gettext_lazy as _

from cases.choices import PredictionState
from cases.errors import Conflict
from cases.models import Image, MaskRevision, Prediction, Study, User
from cases.notifications import study_changed
from cases.permissions import Action, authorize
from cases.selectors.image import field_of_view_of
from cases.services.files import stored_files
from cases.services.image import image_decode
from cases.services.inference_errors import translated
from cases.services.study_lock import masks_check_open
from inference.masks import decode_runs
from inference.measurement import measure_one
from inference.runs import Runs


def mask_revision_create(
    *,
    user: User,
    image: Image,
    lesion: str,
    content: bytes,
    base_revision: int | None = None,
    prediction: Prediction | None = None,
) -> MaskRevision:
    """Keep a corrected mask as the next revision; nothing is overwritten.

    `content` is a picture of the photograph's size: a mask (white is lesion), a drawing on a transparent ground, or
    an edited overlay. `base_revision` is the revision the author started from (0: the network's mask); without it
    the newest is assumed. Raises `Conflict` where somebody saved another revision meanwhile or nothing has been
    analysed yet, `ApplicationError` where the picture does not fit.
    """
    authorize(user, Action.CORRECT, image.study.clinic)
    prediction = prediction or _latest_prediction(image)
    with translated():
        mask, encoded = decode_runs(
            content,
            expected_shape=(image.height, image.width),
            lesion=lesion,
            original=lambda: image_decode(image=image).rgb,
        )
    with stored_files() as files:
        study = Study.objects.select_for_update().get(pk=image.study_id)  # authors and signatures take turns
        masks_check_open(user=user, study=study)
        line = MaskRevision.objects.in_line_of(user).filter(image=image, lesion=lesion)
        latest = line.select_related("author").first()
        _check_base(latest, base_revision)
        revision = _measured(image, lesion, mask)
        revision.number = latest.number + 1 if latest else 1
        revision.prediction = prediction
        revision.author = user
        revision.line = user if study.blind else None
        revision.sha256 = hashlib.sha256(encoded).hexdigest()
        files.save(revision.mask, ".png", encoded)
        revision.full_clean()
        revision.save()
    study_changed(image.study_id)
    return revision


def _latest_prediction(image: Image) -> Prediction:
    prediction = image.predictions.filter(state=PredictionState.SUCCEEDED).first()
    if prediction is None:
        raise Conflict("not_analysed", _("This photograph has not been analysed yet. Choose a network first."))
    return prediction


def _check_base(latest: MaskRevision | None, base_revision: int | None) -> None:
    newest = latest.number if latest else 0
    if base_revision is None or base_revision == newest:
        return
    details: dict[str, object] = {"latest_revision": newest}
    if latest is not None:
        details |= {"author": latest.author.display_name(), "created_at": latest.created_at.isoformat()}
    raise Conflict(
        "newer_revision",
        _("Somebody saved a newer version of this mask while you were working. Compare both, then save again."),
        **details,
    )


def _measured(image: Image, lesion: str, mask: Runs) -> MaskRevision:
    measured = measure_one(lesion, mask, field_of_view_of(image))
    return MaskRevision(
        image=image,
        lesion=lesion,
        count=measured.count,
        area_px=measured.area_px,
        area_percent_of_fov=measured.area_percent_of_fov,
        area_disc=measured.area_disc,
    )

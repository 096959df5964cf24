from __future__ import annotations

import hashlib
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from cases.choices import Field, Laterality, QualityVerdict
from cases.errors import ApplicationError, Conflict, TooLarge
from cases.models import Image, Study, User
from cases.notifications import study_changed
from cases.permissions import Action, authorize
from cases.services.files import stored_files
from cases.services.inference_errors import translated
from cases.services.laps import Laps
from cases.services.study import clinic_for_new_study, study_open_for_upload
from cases.services.study_lock import photographs_check_open
from cases.services.study_queue import study_queue_refresh
from inference.decoding import SCREEN_SIDE, DecodedImage, copy_to_judge, decode
from inference.engines.base import core_count
from inference.errors import ImageRejected
from inference.field_of_view import FieldOfView, find_field_of_view
from inference.field_view import field_view
from inference.landmarks import Landmarks, find_landmarks
from inference.quality import Quality, assess
from inference.screening import check_is_fundus

if TYPE_CHECKING:
    import numpy.typing as npt

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "BMP": ".bmp", "WEBP": ".webp", "MPO": ".jpg"}

# Photographs judged at the same time: more than there are processors get in each other's way, and fill the memory.
_TURNS = threading.BoundedSemaphore(core_count())


@dataclass(frozen=True)
class _Judged:
    """What is seen of a photograph when it comes, in pixels of the whole one; `decoded` is a copy for the screen."""

    decoded: DecodedImage
    preview: bytes
    field_of_view: FieldOfView
    landmarks: Landmarks
    quality: Quality


def image_upload(
    *,
    user: User,
    upload: UploadedFile,
    study: Study | None = None,
    laterality: str = Laterality.UNKNOWN,
    field: str = Field.UNKNOWN,
) -> Image:
    """Check and keep an uploaded photograph; without a study, a new one is opened for it.

    Raises `ApplicationError` (not an image, not a fundus photograph, too large, ...), `Conflict` where the study has
    the very same file already; nothing is stored then.
    """
    if study is None:
        clinic = clinic_for_new_study(user=user)
    else:
        clinic = study.clinic
        authorize(user, Action.UPLOAD, clinic)
    laps = Laps()  # the last byte is here: Django has read the request
    content = _read(upload)
    judged = _judge(content, laps)
    decoded = judged.decoded
    sha256 = hashlib.sha256(content).hexdigest()

    with stored_files() as files:
        if study is not None:
            # The lock makes two uploads of one study take turns.
            photographs_check_open(study=Study.objects.select_for_update().get(pk=study.pk))
            _refuse_twice(study, sha256)
        image = Image(
            study=study or study_open_for_upload(user=user, clinic=clinic),
            filename=(upload.name or "")[-255:],
            sha256=sha256,
            byte_size=len(content),
            file_format=decoded.format,
            width=decoded.width,
            height=decoded.height,
            laterality=laterality,
            field=field,
            field_of_view=_as_json(judged.field_of_view),
            landmarks=judged.landmarks.to_json(),
            quality_verdict=judged.quality.verdict,
            quality=judged.quality.to_json(),
            camera=decoded.camera,
            uploaded_by=user,
        )
        files.save(image.original, SUFFIXES[decoded.format], content)
        files.save(image.preview, ".jpg", judged.preview)
        laps.done("store")
        image.timings = laps.seconds
        image.full_clean()
        image.save()
        study_queue_refresh(study=image.study)
    study_changed(image.study_id)
    return image


def _judge(content: bytes, laps: Laps) -> _Judged:
    """Raises `ApplicationError` for what is no fundus photograph. Waits for its turn; asks nothing of the database."""
    with _TURNS:
        laps.done("turn")
        with translated():
            decoded = decode(content, max_pixels=settings.DRWEB_MAX_PIXELS, longest=SCREEN_SIDE)
            laps.done("decode")
            small = copy_to_judge(decoded.rgb)
            field_on_copy = find_field_of_view(small)
            check_is_fundus(small, field_on_copy)
        field_of_view = field_on_copy.enlarged(small.shape, (decoded.height, decoded.width))
        laps.done("field_of_view")
        preview = _jpeg(decoded.rgb)
        laps.done("preview")
        view = field_view(small, field_on_copy, copied_at=small.shape[1] / decoded.width)
        landmarks = find_landmarks(view)
        quality = assess(view, landmarks)
        laps.done("quality")
    return _Judged(decoded, preview, field_of_view, landmarks, quality)


@transaction.atomic
def image_update(*, user: User, image: Image, laterality: str, field: str) -> Image:
    """State which eye and field a photograph shows."""
    authorize(user, Action.UPLOAD, image.study.clinic)
    if (image.laterality, image.field) == (laterality, field):
        return image
    photographs_check_open(study=Study.objects.select_for_update().get(pk=image.study_id))
    image.laterality = laterality
    image.field = field
    image.full_clean()
    image.save(update_fields=["laterality", "field"])
    transaction.on_commit(lambda: study_changed(image.study_id))
    return image


def image_decode(*, image: Image) -> DecodedImage:
    """The stored original as upright RGB."""
    with image.original.open("rb") as original:
        return decode(original.read(), max_pixels=settings.DRWEB_MAX_PIXELS)


def image_refuse_ungradable(*, image: Image) -> None:
    """Raise `ImageRejected` where the verdict that holds is that nobody can grade the photograph."""
    if image.verdict == QualityVerdict.UNGRADABLE:
        raise ImageRejected(
            "ungradable",
            gettext_noop(
                "The quality of the photograph does not allow a grade: take it again, or let a reader overrule."
            ),
        )


def _read(upload: UploadedFile) -> bytes:
    limit = settings.DRWEB_MAX_UPLOAD_MB
    if (upload.size or 0) > limit * 1024 * 1024:
        raise TooLarge(
            "file_too_large",
            _("The file is %(size)d MB; the limit is %(limit)d MB. Export the photograph as JPEG and try again.")
            % {"size": math.ceil((upload.size or 0) / (1024 * 1024)), "limit": limit},
            limit_mb=limit,
        )
    content = upload.read()
    if not content:
        raise ApplicationError("empty_file", _("The file is empty. Choose the photograph again."))
    return content


def _refuse_twice(study: Study, sha256: str) -> None:
    twin = Image.objects.filter(study=study, sha256=sha256).first()
    if twin is not None:
        raise Conflict(
            "already_in_study",
            _("This photograph is in the study already (%(filename)s); it was not stored again.")
            % {"filename": twin.filename},
            image_id=twin.pk,
        )


def _jpeg(rgb: npt.NDArray[np.uint8]) -> bytes:
    _ok, encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    return encoded.tobytes()


def _as_json(field_of_view: FieldOfView) -> dict[str, Any]:
    return {
        "box": [int(value) for value in field_of_view.box],
        "centre": [float(value) for value in field_of_view.centre],
        "radius": float(field_of_view.radius),
    }

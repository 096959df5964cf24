from __future__ import annotations

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from cases.errors import ApplicationError
from cases.models import Image, MaskRevision, Prediction, Study, User
from cases.selectors.viewer import Viewer
from inference.field_of_view import FieldOfView


def image_get(user: Viewer, image_id: int) -> Image:
    """A photograph. Raises `Http404` where it is none of the user's clinics'."""
    return get_object_or_404(
        Image.objects.for_user(user).select_related("study__clinic", "study__patient"), pk=image_id
    )


def image_with_results(user: Viewer, image_id: int) -> Image:
    """A photograph with its predictions and corrections. Raises `Http404` where it is none of the user's clinics'."""
    images = Image.objects.for_user(user).select_related("study__clinic", "study__patient")
    return get_object_or_404(with_results(user, images), pk=image_id)


def with_results(user: Viewer, images: QuerySet[Image]) -> QuerySet[Image]:
    """`images` read along with the predictions, masks and corrections that `user` works with."""
    predictions: Prefetch = Prefetch(
        "predictions", queryset=Prediction.clinical.for_user(user).prefetch_related("lesions")
    )
    revisions: Prefetch = Prefetch(
        "revisions", queryset=MaskRevision.objects.for_user(user).in_line_of(user).select_related("author")
    )
    return images.select_related("quality_overridden_by").prefetch_related(predictions, revisions)


def field_of_view_of(image: Image) -> FieldOfView:
    """The circle and box of the retina that were found at upload."""
    stored = image.field_of_view
    return FieldOfView(box=tuple(stored["box"]), centre=tuple(stored["centre"]), radius=stored["radius"])


def twins_of(user: Viewer, image: Image) -> QuerySet[Image]:
    """The very same file in other studies of the clinic, the oldest first; read are only the keys."""
    twins = Image.objects.for_user(user).filter(sha256=image.sha256, study__clinic=image.study.clinic)
    return twins.exclude(study=image.study_id).order_by("pk").only("pk", "study")


def latest_image(user: User, *, image_id: int | None = None, study_id: int | None = None) -> Image:
    """The photograph named, or the newest of the study named, or else the newest that the user uploaded.

    Raises `Http404` for another clinic's ids, `ApplicationError` where the user has uploaded nothing yet.
    """
    if image_id is not None:
        image = image_get(user, image_id)
        if study_id is not None and image.study_id != study_id:
            raise Http404
        return image
    images = Image.objects.for_user(user).select_related("study__clinic", "study__patient").order_by("-pk")
    if study_id is not None:
        study = get_object_or_404(Study.objects.for_user(user), pk=study_id)
        newest = images.filter(study=study).first()
    else:
        newest = images.filter(uploaded_by=user).first()
    if newest is None:
        raise ApplicationError("no_image", _("There is no photograph yet. Upload one first."))
    return newest

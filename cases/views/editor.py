"""The mask editor: the page, and what it knows of the photograph's masks."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cases.choices import Access, Lesion
from cases.models import Image, LesionResult, MaskRevision, Prediction, User
from cases.networks import network_label
from cases.permissions import Action, may
from cases.selectors.image import image_with_results
from cases.selectors.prediction import latest_prediction
from cases.services.history import access_record
from cases.views.answers import login_needed
from inference.lesions import LESION_COLOURS, LESIONS
from inference.lesions import Lesion as LesionCode

# What browsers display themselves; other originals are seen through their preview.
BROWSER_FORMATS = frozenset({"JPEG", "MPO", "PNG", "WEBP", "BMP"})


@login_required
@never_cache
@require_safe
def correct(request: HttpRequest, image_id: int) -> HttpResponse:
    """The editor of one photograph; whose role may not correct gets the same page to look at only."""
    user = cast("User", request.user)
    image = image_with_results(user, image_id)
    access_record(record=image, access=Access.VIEWED)
    prediction = latest_prediction(image)
    context = {
        "image": image,
        "may_correct": may(user, Action.CORRECT, image.study.clinic),
        "state": _state(user, image, prediction) if prediction or image.study.network_hidden else None,
    }
    return render(request, "cases/correct.html", context)


@never_cache
@require_safe
def correct_state(request: HttpRequest, image_id: int) -> JsonResponse:
    """Who is logged in, and all revisions: what the page came with, as it is now."""
    if (refusal := login_needed(request)) is not None:
        return refusal
    user = cast("User", request.user)
    image = image_with_results(user, image_id)
    return JsonResponse(_state(user, image, latest_prediction(image)))


def _state(user: User, image: Image, prediction: Prediction | None) -> dict[str, Any]:
    return {
        "user": {"id": user.pk, "username": user.get_username(), "name": user.display_name()},
        "may_correct": may(user, Action.CORRECT, image.study.clinic),
        "image": {
            "id": image.pk,
            "width": image.width,
            "height": image.height,
            "original_url": _original_url(image),
        },
        "lesions": [_lesion(image, lesion, prediction) for lesion in LESIONS],
        "urls": {
            "save": reverse("api:edit-image"),
            "state": reverse("cases:correct_state", args=[image.pk]),
            "login": reverse("login"),
        },
    }


def _original_url(image: Image) -> str | None:
    return reverse("api:image-original", args=[image.pk]) if image.file_format in BROWSER_FORMATS else None


def _lesion(image: Image, lesion: LesionCode, prediction: Prediction | None) -> dict[str, Any]:
    """One lesion kind with its revisions, oldest first; number 0 is the network's mask."""
    corrections = [row for row in image.revisions.all() if row.lesion == lesion]
    found = [row for row in prediction.lesions.all() if row.lesion == lesion] if prediction else []
    return {
        "code": lesion,
        "label": str(Lesion(lesion).label),
        "colour": LESION_COLOURS[lesion],
        "revisions": [
            _network_mask(prediction, found[0] if found else None),
            *(_correction(row) for row in sorted(corrections, key=lambda row: row.number)),
        ],
    }


def _network_mask(prediction: Prediction | None, result: LesionResult | None) -> dict[str, Any]:
    """Revision 0. Without an address where the network does not outline this lesion: an empty mask."""
    return {
        "number": 0,
        "author": network_label(prediction.model_name) if prediction else "",
        "created_at": prediction.finished_at if prediction else None,
        "mask_url": reverse("api:prediction-mask", args=[result.prediction_id, result.lesion]) if result else None,
        "count": result.count if result else 0,
        "area_px": result.area_px if result else 0,
    }


def _correction(revision: MaskRevision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "author": revision.author.display_name(),
        "created_at": revision.created_at,
        "mask_url": reverse("api:revision-mask", args=[revision.pk]),
        "count": revision.count,
        "area_px": revision.area_px,
    }

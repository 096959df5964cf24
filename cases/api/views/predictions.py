from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from cases.api.files import stored_file
from cases.api.parsing import caller, parsed
from cases.api.schema import JPEG, NOT_MODIFIED, PNG, answers, error_example
from cases.api.serializers.inputs import ChooseModelInput
from cases.api.serializers.results import (
    ChosenSerializer,
    PredictionSerializer,
    StillPendingSerializer,
    TimingsSerializer,
)
from cases.api.waiting import wait_until_finished
from cases.choices import Access, PredictionState
from cases.errors import ApplicationError
from cases.models import Prediction
from cases.selectors.image import latest_image
from cases.selectors.prediction import prediction_get
from cases.selectors.timing import prediction_timings
from cases.services.history import access_record
from cases.services.overlay import prediction_overlay
from cases.services.prediction import prediction_cancel, prediction_request, prediction_retry
from cases.services.study_lock import network_check_shown

ASK_SECONDS, LONGEST_ASK_SECONDS = 2, 60
SURE_SECONDS = 10  # a wait as short as this is foreseen well


class AnalysisFailed(ApplicationError):
    """The photograph was accepted, but its analysis ended without a result."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ChooseModel(APIView):
    """The analysis is asked for here."""

    @extend_schema(
        tags=["Main flow"],
        summary="Analyse a photograph with a network",
        request=ChooseModelInput,
        responses={
            **answers(ChosenSerializer, 400, 403, 404, 422, 503),
            (202, "application/json"): StillPendingSerializer,
        },
        examples=[
            OpenApiExample("latest upload", value={"selectedModel": "Unet"}, request_only=True),
            OpenApiExample(
                "named photograph", value={"selectedModel": "MAnet", "image_id": 7, "wait": False}, request_only=True
            ),
            error_example("unknown_model", "There is no network named ...", 400),
        ],
    )
    def post(self, request: Request) -> Response:
        """Analyse the caller's latest upload, or the photograph named by `image_id` or `study_id`.

        Waits for the result. Where it takes too long, or with `wait` false, the answer is 202 with a `status_url` to
        ask again. The same photograph is not analysed twice by the very same weights: the result that is there counts.
        """
        data = parsed(ChooseModelInput, request)
        image = latest_image(caller(request), **data.target())
        prediction = prediction_request(
            user=caller(request),
            image=image,
            model_name=data.validated_data["selectedModel"],
            detail=data.validated_data["detail"],
            explain=data.validated_data["explain"],
        )
        if data.validated_data["wait"]:
            wait_until_finished(prediction, seconds=settings.DRWEB_CHOOSE_MODEL_WAIT)
            prediction.refresh_from_db()
        if prediction.state == PredictionState.SUCCEEDED:
            network_check_shown(study=image.study)
        if not prediction.is_open:
            prediction = prediction_get(caller(request), prediction.pk)
        return _chosen(request, prediction)


def _chosen(request: Request, prediction: Prediction) -> Response:
    context: dict[str, Any] = {"request": request}
    if prediction.state == PredictionState.SUCCEEDED:
        access_record(record=prediction.image, access=Access.VIEWED)
        context["message"] = _("The photograph is analysed.")
        return Response(ChosenSerializer(prediction, context=context).data)
    if prediction.is_open:
        context["message"] = _("The photograph is being analysed. Ask again at status_url.")
        pending = StillPendingSerializer(prediction, context=context).data
        return Response(pending, status=HTTPStatus.ACCEPTED, headers=_ask_again(pending))
    state = prediction.get_state_display()
    raise AnalysisFailed(
        prediction.error_code or prediction.state,
        prediction.error_sentence or _("This analysis ended: %(state)s.") % {"state": state},
        prediction_id=prediction.pk,
        status_url=reverse("api:prediction", kwargs={"prediction_id": prediction.pk}, request=request),
    )


class PredictionDetail(APIView):
    """One analysis."""

    @extend_schema(tags=["Records"], summary="See how far an analysis is", responses=answers(PredictionSerializer, 404))
    def get(self, request: Request, prediction_id: int) -> Response:
        """State, stage and place in the queue; the result once there is one."""
        return _told(request, prediction_id)


class PredictionCancel(APIView):
    """Gives up an analysis."""

    @extend_schema(
        tags=["Records"],
        summary="Cancel an analysis",
        request=None,
        responses=answers(PredictionSerializer, 403, 404, 409),
    )
    def post(self, request: Request, prediction_id: int) -> Response:
        """Give up an analysis that waits or runs."""
        prediction_cancel(user=caller(request), prediction=prediction_get(caller(request), prediction_id))
        return _told(request, prediction_id)


class PredictionRetry(APIView):
    """Tries an analysis again."""

    @extend_schema(
        tags=["Records"],
        summary="Try a failed or cancelled analysis again",
        request=None,
        responses=answers(PredictionSerializer, 403, 404, 409, 503),
    )
    def post(self, request: Request, prediction_id: int) -> Response:
        """Put the analysis back into the queue; where another one of the same network is open, that one is told."""
        prediction = prediction_retry(user=caller(request), prediction=prediction_get(caller(request), prediction_id))
        return _told(request, prediction.pk)


class PredictionOverlay(APIView):
    """The photograph with the masks drawn on it."""

    @extend_schema(
        tags=["Files"],
        summary="Download the overlay",
        parameters=[NOT_MODIFIED],
        responses=answers(bytes, 404, media_type=JPEG),
    )
    def get(self, request: Request, prediction_id: int) -> HttpResponseBase:
        """Of the photograph's own size, JPEG; an edited copy (save it as PNG) may be sent back to /api/edit_image."""
        prediction = prediction_get(caller(request), prediction_id)
        if prediction.state != PredictionState.SUCCEEDED:
            raise Http404
        overlay = prediction_overlay(prediction=prediction)
        return stored_file(request, overlay, filename=f"prediction-{prediction.pk}-overlay.jpg")


class PredictionExplanation(APIView):
    """What in the photograph speaks for the grade."""

    @extend_schema(
        tags=["Files"],
        summary="Download the map that explains the grade",
        parameters=[NOT_MODIFIED],
        responses=answers(bytes, 404, media_type=PNG),
    )
    def get(self, request: Request, prediction_id: int) -> HttpResponseBase:
        """Grey PNG in the photograph's proportions: the brighter, the more a place speaks for the stated grade.

        404 unless the analysis was asked for with `explain`.
        """
        prediction = prediction_get(caller(request), prediction_id)
        if not prediction.explanation:
            raise Http404
        return stored_file(request, prediction.explanation, filename=f"prediction-{prediction.pk}-explanation.png")


class PredictionTimings(APIView):
    """Where the time went."""

    @extend_schema(
        tags=["Records"],
        summary="See how long each stage took",
        responses=answers(TimingsSerializer, 403, 404),
    )
    def get(self, request: Request, prediction_id: int) -> Response:
        """Seconds by stage, from the last uploaded byte to the result. For administrators of the clinic."""
        return Response(TimingsSerializer(prediction_timings(caller(request), prediction_id)).data)


class PredictionMask(APIView):
    """The network's own mask of one lesion kind."""

    @extend_schema(
        tags=["Files"],
        summary="Download a mask of the network",
        parameters=[NOT_MODIFIED],
        responses=answers(bytes, 404, media_type=PNG),
    )
    def get(self, request: Request, prediction_id: int, lesion: str) -> HttpResponseBase:
        """1-bit PNG of the photograph's size; white is lesion. `lesion`: EX, SE, HE or MA."""
        prediction = prediction_get(caller(request), prediction_id)
        result = next((row for row in prediction.lesions.all() if row.lesion == lesion), None)
        if result is None:
            raise Http404
        return stored_file(request, result.mask, filename=f"prediction-{prediction.pk}-{lesion}.png")


def _told(request: Request, prediction_id: int) -> Response:
    prediction = prediction_get(caller(request), prediction_id)
    access_record(record=prediction.image, access=Access.VIEWED)
    told = PredictionSerializer(prediction, context={"request": request}).data
    return Response(told, headers=_ask_again(told) if prediction.is_open else None)


def _ask_again(told: Mapping[str, Any]) -> dict[str, str]:
    """Retry-After: when the result may be there; after three quarters of a long wait, of which the guess may be wrong.

    So who waits long asks seldom, and sooner and sooner as the turn comes near.
    """
    seconds = told["expected_wait_seconds"] or ASK_SECONDS
    if seconds > SURE_SECONDS:
        seconds = min(max(SURE_SECONDS, round(0.75 * seconds)), LONGEST_ASK_SECONDS)
    return {"Retry-After": str(seconds)}

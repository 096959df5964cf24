"""What is known of an eye beyond its lesions: quality, landmarks, the grade by rule, earlier visits."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from cases.api.parsing import caller, parsed
from cases.api.schema import answers
from cases.api.serializers.eyes import (
    LandmarkInput,
    QualityInput,
    RulesSerializer,
    VisitsSerializer,
    told_rules,
)
from cases.api.serializers.records import ImageSerializer
from cases.choices import Access
from cases.errors import Conflict
from cases.selectors.image import image_with_results
from cases.selectors.lesion_rules import current_rules
from cases.selectors.prediction import latest_prediction
from cases.selectors.study import study_get
from cases.selectors.visits import earlier_visits
from cases.services.history import access_record, access_records
from cases.services.image_judgement import image_override_quality, image_place_landmark


class ImageQuality(APIView):
    """A reader's word on the quality of a photograph."""

    @extend_schema(
        tags=["Records"],
        summary="Overrule the quality gate",
        request=QualityInput,
        responses=answers(ImageSerializer, 400, 403, 404),
    )
    def put(self, request: Request, image_id: int) -> Response:
        """Put a verdict in place of the gate's, with a note that says why; an empty verdict takes it back."""
        return _judged(request, image_id, QualityInput, image_override_quality)


class ImageLandmarks(APIView):
    """Optic disc and fovea, where a person sees them."""

    @extend_schema(
        tags=["Records"],
        summary="Mark optic disc or fovea",
        request=LandmarkInput,
        responses=answers(ImageSerializer, 400, 403, 404),
    )
    def put(self, request: Request, image_id: int) -> Response:
        """The eye proposed and the statement on the macula follow."""
        return _judged(request, image_id, LandmarkInput, image_place_landmark)


def _judged(request: Request, image_id: int, stated: type[Serializer], keep: Callable[..., object]) -> Response:
    """The photograph after `keep`, a service, has kept what is `stated` of it."""
    data = parsed(stated, request).validated_data
    image = image_with_results(caller(request), image_id)
    keep(user=caller(request), image=image, **data)
    return Response(ImageSerializer(image, context={"request": request}).data)


class ImageRules(APIView):
    """The grade that the masks which hold now show by rule."""

    @extend_schema(tags=["Records"], summary="Grade by rule", responses=answers(RulesSerializer, 404, 409))
    def get(self, request: Request, image_id: int) -> Response:
        """From corrected masks where there are some, about the landmarks as they are now."""
        image = image_with_results(caller(request), image_id)
        access_record(record=image, access=Access.VIEWED)
        rules, prediction = current_rules(image), latest_prediction(image)
        if rules is None or prediction is None:
            raise Conflict("not_analysed", _("This photograph has not been analysed yet. Choose a network first."))
        return Response(RulesSerializer(told_rules(rules, prediction)).data)


class StudyVisits(APIView):
    """The visits before."""

    @extend_schema(tags=["Records"], summary="Compare with earlier visits", responses=answers(VisitsSerializer, 404))
    def get(self, request: Request, study_id: int) -> Response:
        """The patient's earlier visits, with the change of each lesion since, per eye and field."""
        user = caller(request)
        visits = earlier_visits(user, study_get(user, study_id))
        access_records(records=[visit.study for visit in visits], access=Access.VIEWED)
        return Response(VisitsSerializer(visits, context={"request": request}).data)

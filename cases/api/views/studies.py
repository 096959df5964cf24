from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.api.parsing import caller, parsed
from cases.api.schema import answers
from cases.api.serializers.inputs import ReadingInput
from cases.api.serializers.records import ReadingSerializer, StudySerializer
from cases.selectors.study import study_get, study_header
from cases.services.reading import reading_save


class StudyDetail(APIView):
    """One visit."""

    @extend_schema(tags=["Records"], summary="Read a study", responses=answers(StudySerializer, 404))
    def get(self, request: Request, study_id: int) -> Response:
        """Patient and photographs, each with predictions, the masks that hold now, and corrections."""
        study = study_get(caller(request), study_id)
        return Response(StudySerializer(study, context={"request": request}).data)


class StudyReading(APIView):
    """What the caller concludes from a study."""

    @extend_schema(
        tags=["Records"],
        summary="Save the caller's reading",
        request=ReadingInput,
        responses=answers(ReadingSerializer, 400, 403, 404, 409),
    )
    def put(self, request: Request, study_id: int) -> Response:
        """Keep diagnosis and grades per eye; each reader has one reading of a study."""
        data = parsed(ReadingInput, request).validated_data
        reading = reading_save(user=caller(request), study=study_header(caller(request), study_id), **data)
        return Response(ReadingSerializer(reading, context={"request": request}).data)

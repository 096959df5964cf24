from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.api.parsing import caller
from cases.api.schema import answers
from cases.api.serializers.records import StudySerializer
from cases.choices import Access
from cases.selectors.study import study_get
from cases.services.history import access_record


class StudyDetail(APIView):
    """One visit."""

    @extend_schema(tags=["Records"], summary="Read a study", responses=answers(StudySerializer, 404))
    def get(self, request: Request, study_id: int) -> Response:
        """Patient and photographs, each with predictions, the masks that hold now, and corrections."""
        study = study_get(caller(request), study_id)
        access_record(record=study, access=Access.VIEWED)
        return Response(StudySerializer(study, context={"request": request}).data)

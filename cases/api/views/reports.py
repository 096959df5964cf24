from __future__ import annotations

from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from cases.api.files import stored_file
from cases.api.parsing import caller, parsed
from cases.api.schema import NOT_MODIFIED, PDF, answers, error_example
from cases.api.serializers.inputs import ReportInput
from cases.selectors.image import latest_image
from cases.selectors.report import report_get
from cases.services.report import report_create, report_filename


class GenerateReport(APIView):
    """Reports are asked for here."""

    @extend_schema(
        tags=["Main flow"],
        summary="Make the PDF report",
        request=ReportInput,
        responses=answers(bytes, 400, 403, 404, 503, media_type=PDF),
        examples=[
            OpenApiExample(
                "report",
                value={"name": "Li Wei", "age": 58, "diagnosis": "Moderate NPDR, review in 6 months.", "grade": 2},
                request_only=True,
            ),
            error_example(
                "invalid",
                "Some values are missing or wrong: age: Ensure this value is less than or equal to 130.",
                400,
                age=["Ensure this value is less than or equal to 130."],
            ),
        ],
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Report on the study of the caller's latest upload, or on the one that `study_id` or `image_id` names.

        The PDF is kept; the header `Content-Location` says where it can be downloaded again.
        """
        data = parsed(ReportInput, request)
        words = data.validated_data
        report = report_create(
            user=caller(request),
            study=latest_image(caller(request), **data.target()).study,
            patient_name=words["name"],
            patient_age=words["age"],
            diagnosis=words["diagnosis"],
            grade=words["grade"],
            language=words["language"],
        )
        # No ETag can match: the file has just been made.
        response = stored_file(request, report.pdf, filename=report_filename(report), attachment=True)
        response["Content-Location"] = reverse("api:report-pdf", kwargs={"report_id": report.pk}, request=request)
        return response


class ReportPdf(APIView):
    """A report that was made earlier."""

    @extend_schema(
        tags=["Files"],
        summary="Download a report again",
        parameters=[NOT_MODIFIED],
        responses=answers(bytes, 404, media_type=PDF),
    )
    def get(self, request: Request, report_id: int) -> HttpResponseBase:
        """The PDF as it was handed out."""
        report = report_get(caller(request), report_id)
        return stored_file(request, report.pdf, filename=report_filename(report))

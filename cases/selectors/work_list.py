from __future__ import annotations

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from cases.choices import PredictionState
from cases.models import Image, Patient, Prediction, Report, Study
from cases.selectors.viewer import Viewer


def work_list(user: Viewer, *, search: str = "", patient: Patient | None = None) -> QuerySet[Study]:
    """Studies of the user's clinics, newest first, each with what the work-list shows in one query.

    Annotations: `image_count`, `waiting_count` (analyses queued or running), `failed_count` (photographs whose newest
    analysis failed), `report_count`, and `worst_grade`, the highest ICDR grade among the photographs' newest results.
    """
    predictions = Prediction.objects.filter(image__study=OuterRef("pk"))
    newest_of_image = Prediction.objects.filter(image=OuterRef("image")).order_by("-pk").values("pk")
    newest = predictions.filter(pk=Subquery(newest_of_image[:1]))
    newest_result = predictions.filter(
        pk=Subquery(newest_of_image.filter(state=PredictionState.SUCCEEDED)[:1]), grade__isnull=False
    )
    studies = Study.objects.for_user(user).select_related("clinic", "patient")
    if patient is not None:
        studies = studies.filter(patient=patient)
    if search:
        studies = studies.filter(Q(patient__record_number__istartswith=search) | Q(patient__name__icontains=search))
    return studies.annotate(
        image_count=_counted(Image.objects.filter(study=OuterRef("pk")), "study"),
        waiting_count=_counted(predictions.filter(state__in=PredictionState.open_states()), "image__study"),
        failed_count=_counted(newest.filter(state=PredictionState.FAILED), "image__study"),
        report_count=_counted(Report.objects.filter(study=OuterRef("pk")), "study"),
        worst_grade=Subquery(newest_result.order_by("-grade").values("grade")[:1]),
    )


def _counted(rows: QuerySet, outer: str) -> Coalesce:
    """The number of `rows` as a subquery: joins of several one-to-many relations would multiply each other."""
    grouped = rows.order_by().values(outer).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(grouped, output_field=IntegerField()), 0)

from __future__ import annotations

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from cases.models import Image, Patient, Report, Study
from cases.selectors.viewer import Viewer


def work_list(user: Viewer, *, search: str = "", patient: Patient | None = None) -> QuerySet[Study]:
    """Studies of the user's clinics, newest first. Annotations: `image_count`, `report_count`."""
    studies = Study.objects.for_user(user).select_related("clinic", "patient")
    if patient is not None:
        studies = studies.filter(patient=patient)
    if search:
        studies = studies.filter(Q(patient__record_number__istartswith=search) | Q(patient__name__icontains=search))
    return studies.annotate(
        image_count=_counted(Image.objects.filter(study=OuterRef("pk"))),
        report_count=_counted(Report.objects.filter(study=OuterRef("pk"))),
    )


def _counted(rows: QuerySet) -> Coalesce:
    """The number of a study's `rows`, as a subquery: several joins would multiply each other."""
    grouped = rows.order_by().values("study").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(grouped, output_field=IntegerField()), 0)

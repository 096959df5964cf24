from __future__ import annotations

from django.db.models import Count, Max, Q, QuerySet
from django.shortcuts import get_object_or_404

from cases.models import Patient
from cases.selectors.viewer import Viewer


def patient_get(user: Viewer, patient_id: int) -> Patient:
    """A patient. Raises `Http404` where it is none of the user's clinics'."""
    return get_object_or_404(Patient.objects.for_user(user).select_related("clinic"), pk=patient_id)


def patients_for(user: Viewer, *, search: str = "") -> QuerySet[Patient]:
    """Patients of the user's clinics whose record number starts with, or whose name contains, `search`.

    Annotations: `study_count` and the date of the `last_visit`.
    """
    patients = Patient.objects.for_user(user).select_related("clinic")
    if search:
        patients = patients.filter(Q(record_number__istartswith=search) | Q(name__icontains=search))
    return patients.annotate(study_count=Count("studies"), last_visit=Max("studies__visit_date")).order_by("name", "pk")

from __future__ import annotations

from django.db.models import Count, Max, Prefetch
from django.shortcuts import get_object_or_404

from cases.models import Image, MaskRevision, Prediction, Reading, Report, Study
from cases.selectors.image import with_results
from cases.selectors.viewer import Viewer


def study_get(user: Viewer, study_id: int) -> Study:
    """A study with all that its page shows. Raises `Http404` where it is none of the user's clinics'."""
    images: Prefetch = Prefetch("images", queryset=with_results(user, Image.objects.all()))
    studies = Study.objects.for_user(user).select_related("clinic", "patient", "created_by", "conclusion")
    return get_object_or_404(studies.prefetch_related(images, "reports"), pk=study_id)


def study_header(user: Viewer, study_id: int) -> Study:
    """A study with clinic and patient alone. Raises `Http404` where it is none of the user's clinics'."""
    return get_object_or_404(
        Study.objects.for_user(user).select_related("clinic", "patient", "conclusion", "assigned_to"), pk=study_id
    )


def study_version(user: Viewer, study_id: int) -> tuple[object, ...] | None:
    """A value that changes whenever something of the study does; None where `user` may not see the study (any more)."""
    study = (
        Study.objects.for_user(user)
        .filter(pk=study_id)
        .values_list("patient_id", "note", "conclusion", "blind")
        .first()
    )
    if study is None:
        return None
    images = Image.objects.filter(study_id=study_id).values_list(
        "pk", "laterality", "field", "quality_override", "landmarks"
    )
    predictions = Prediction.objects.filter(image__study_id=study_id).values_list("pk", "state", "stage", "attempts")
    revisions = MaskRevision.objects.for_user(user).filter(image__study_id=study_id).aggregate(newest=Max("pk"))
    readings = (
        Reading.objects.for_user(user).filter(study_id=study_id).aggregate(newest=Max("updated_at"), number=Count("pk"))
    )
    reports = Report.objects.filter(study_id=study_id).aggregate(newest=Max("pk"))
    return (study, tuple(images), tuple(predictions), revisions["newest"], *readings.values(), reports["newest"])

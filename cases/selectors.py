"""Every read that is more than a `get`. The first argument is the user who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, IntegerField, Max, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from cases.choices import Lesion, PredictionState
from cases.errors import ApplicationError
from cases.models import Image, LesionResult, MaskRevision, Patient, Prediction, Reading, Report, Study

if TYPE_CHECKING:
    from cases.models import User

    Viewer = User | AnonymousUser


def study_get(user: Viewer, study_id: int) -> Study:
    """A study with all that its page shows. Raises `Http404` where it is none of the user's clinics'."""
    images: Prefetch = Prefetch("images", queryset=_with_results(Image.objects.all()))
    studies = Study.objects.for_user(user).select_related("clinic", "patient", "created_by")
    return get_object_or_404(studies.prefetch_related(images, "reports"), pk=study_id)


def study_header(user: Viewer, study_id: int) -> Study:
    """A study with clinic and patient alone. Raises `Http404` where it is none of the user's clinics'."""
    return get_object_or_404(Study.objects.for_user(user).select_related("clinic", "patient"), pk=study_id)


def _with_results(images: QuerySet[Image]) -> QuerySet[Image]:
    revisions: Prefetch = Prefetch("revisions", queryset=MaskRevision.objects.select_related("author"))
    return images.prefetch_related("predictions__lesions", revisions)


def study_version(user: Viewer, study_id: int) -> tuple[object, ...] | None:
    """A value that changes whenever something of the study does; None where `user` may not see the study (any more)."""
    study = Study.objects.for_user(user).filter(pk=study_id).values_list("patient_id", "note").first()
    if study is None:
        return None
    images = Image.objects.filter(study_id=study_id).values_list("pk", "laterality", "field")
    predictions = Prediction.objects.filter(image__study_id=study_id).values_list("pk", "state", "stage", "attempts")
    revisions = MaskRevision.objects.filter(image__study_id=study_id).aggregate(newest=Max("pk"))
    readings = Reading.objects.filter(study_id=study_id).aggregate(newest=Max("updated_at"))
    reports = Report.objects.filter(study_id=study_id).aggregate(newest=Max("pk"))
    return (study, tuple(images), tuple(predictions), revisions["newest"], readings["newest"], reports["newest"])


def image_get(user: Viewer, image_id: int) -> Image:
    """A photograph. Raises `Http404` where it is none of the user's clinics'."""
    return get_object_or_404(
        Image.objects.for_user(user).select_related("study__clinic", "study__patient"), pk=image_id
    )


def image_with_results(user: Viewer, image_id: int) -> Image:
    """A photograph with its predictions and corrections. Raises `Http404` where it is none of the user's clinics'."""
    images = Image.objects.for_user(user).select_related("study__clinic", "study__patient")
    return get_object_or_404(_with_results(images), pk=image_id)


def prediction_get(user: Viewer, prediction_id: int) -> Prediction:
    """A prediction. Raises `Http404` where it is none of the user's clinics'."""
    predictions = Prediction.objects.for_user(user).select_related("image__study__clinic").prefetch_related("lesions")
    return get_object_or_404(predictions, pk=prediction_id)


def revision_get(user: Viewer, revision_id: int) -> MaskRevision:
    """A mask revision. Raises `Http404` where it is none of the user's clinics'."""
    return get_object_or_404(MaskRevision.objects.for_user(user).select_related("author", "image"), pk=revision_id)


def report_get(user: Viewer, report_id: int) -> Report:
    """A report. Raises `Http404` where it is none of the user's clinics'."""
    return get_object_or_404(Report.objects.for_user(user).select_related("study"), pk=report_id)


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


def latest_image(user: User, *, image_id: int | None = None, study_id: int | None = None) -> Image:
    """The photograph named, or the newest of the study named, or else the newest that the user uploaded.

    Raises `Http404` for another clinic's ids, `ApplicationError` where the user has uploaded nothing yet.
    """
    if image_id is not None:
        image = image_get(user, image_id)
        if study_id is not None and image.study_id != study_id:
            raise Http404
        return image
    images = Image.objects.for_user(user).select_related("study__clinic", "study__patient").order_by("-pk")
    if study_id is not None:
        study = get_object_or_404(Study.objects.for_user(user), pk=study_id)
        newest = images.filter(study=study).first()
    else:
        newest = images.filter(uploaded_by=user).first()
    if newest is None:
        raise ApplicationError("no_image", _("There is no photograph yet. Upload one first."))
    return newest


def latest_prediction(image: Image) -> Prediction | None:
    """The newest finished analysis of the photograph; None where there is none."""
    # Filtered here and not in the database, so that predictions read along with a study are used.
    return next((row for row in image.predictions.all() if row.state == PredictionState.SUCCEEDED), None)


@dataclass(frozen=True)
class CurrentMask:
    """What is held to be true of one lesion now: the newest correction, or else the network's mask (revision 0)."""

    lesion: str
    revision: int
    source: LesionResult | MaskRevision

    @property
    def corrected(self) -> bool:
        """Whether a person changed the network's mask."""
        return self.revision > 0


def current_masks(image: Image, prediction: Prediction) -> list[CurrentMask]:
    """One entry per lesion, in the order of `Lesion`."""
    found = {result.lesion: result for result in prediction.lesions.all()}
    newest: dict[str, MaskRevision] = {}
    for revision in sorted(image.revisions.all(), key=lambda row: row.number):
        newest[revision.lesion] = revision
    masks = []
    for lesion in Lesion.values:
        if lesion in newest:
            masks.append(CurrentMask(lesion, newest[lesion].number, newest[lesion]))
        elif lesion in found:
            masks.append(CurrentMask(lesion, 0, found[lesion]))
    return masks


def queue_order() -> list[int]:
    """Keys of all open predictions in the order in which workers take them, the running ones first."""
    rows = Prediction.objects.filter(state__in=PredictionState.open_states()).order_by("created_at", "pk")
    in_turn = sorted(rows.values_list("pk", "state"), key=lambda row: row[1] != PredictionState.RUNNING)
    return [pk for pk, _state in in_turn]


def reading_of(user: User, study: Study) -> Reading | None:
    """The user's own reading of the study."""
    return Reading.objects.for_user(user).filter(study=study, reader=user).first()


def other_readings(user: User, study: Study) -> QuerySet[Reading]:
    """What other readers wrote about the study, newest first; empty drafts are left out."""
    empty = Q(diagnosis="", grade_od=None, grade_os=None)
    readings = Reading.objects.for_user(user).filter(study=study).select_related("reader")
    return readings.exclude(reader=user).exclude(empty)

"""Where a study stands on the work-list, worked out from its photographs, analyses and readings."""

from __future__ import annotations

from django.db import transaction

from cases.choices import AnalysisState, IcdrGrade, PredictionState, ReadingState, StudyQueue, Urgency
from cases.models import Image, Prediction, Reading, Study

URGENCY_OF_GRADE = {
    IcdrGrade.MODERATE: Urgency.SOON,
    IcdrGrade.SEVERE: Urgency.URGENT,
    IcdrGrade.PROLIFERATIVE: Urgency.URGENT,
}


@transaction.atomic
def study_queue_refresh(*, study: Study) -> Study:
    """Keep queue, urgency, worst grade and state of analysis as the rows of the study have them now.

    Every service that changes one of these rows calls this in its own transaction.
    """
    Study.objects.select_for_update().get(pk=study.pk)  # two changes of one study take turns
    images = list(Image.objects.filter(study=study).prefetch_related("predictions"))
    signed = list(Reading.objects.filter(study=study, state=ReadingState.SIGNED))
    study.queue = _queue(images, signed)
    study.worst_grade = _worst_grade(images, signed)
    study.urgency = URGENCY_OF_GRADE.get(IcdrGrade(study.worst_grade or 0), Urgency.ROUTINE)
    study.analysis_state = _analysis_state(images)
    study.save(update_fields=["queue", "urgency", "worst_grade", "analysis_state"])
    return study


def _queue(images: list[Image], signed: list[Reading]) -> StudyQueue:
    if signed:
        return StudyQueue.SIGNED
    return StudyQueue.TO_READ if images else StudyQueue.UPLOAD_AGAIN


def _worst_grade(images: list[Image], signed: list[Reading]) -> int | None:
    """Of what readers signed, or else of the newest result of each photograph (ICDR 0-4)."""
    if signed:
        grades = [grade for reading in signed for grade in (reading.grade_od, reading.grade_os)]
    else:
        grades = [_newest_result_grade(image) for image in images]
    return max((grade for grade in grades if grade is not None), default=None)


def _newest_result_grade(image: Image) -> int | None:
    results = (row for row in image.predictions.all() if row.state == PredictionState.SUCCEEDED)
    newest = next(results, None)
    return newest.grade if newest else None


def _analysis_state(images: list[Image]) -> AnalysisState:
    analyses: list[list[Prediction]] = [list(image.predictions.all()) for image in images]
    if any(row.is_open for rows in analyses for row in rows):
        return AnalysisState.WAITING
    if any(rows and rows[0].state == PredictionState.FAILED for rows in analyses):
        return AnalysisState.FAILED
    succeeded = any(row.state == PredictionState.SUCCEEDED for rows in analyses for row in rows)
    return AnalysisState.ANALYSED if succeeded else AnalysisState.NONE

"""Where a study stands on the work-list, worked out from its photographs, analyses and readings."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from cases.choices import AnalysisState, PredictionState, QualityVerdict, Referral, StudyQueue, Urgency
from cases.decision import EYES
from cases.models import Image, Prediction, Study
from cases.notifications import work_list_changed
from cases.selectors.decision import decision_of, proposal_of
from cases.selectors.reading import reading_state_of, readings_to_compare

URGENCY_OF = {
    Referral.NONE: Urgency.ROUTINE,
    Referral.ROUTINE: Urgency.SOON,
    Referral.SOON: Urgency.URGENT,
    Referral.URGENT: Urgency.URGENT,
}


@transaction.atomic
def study_queue_refresh(*, study: Study) -> Study:
    """Keep queue, urgency, worst grade and state of analysis as the rows of the study have them now.

    Every service that changes one of these rows calls this in its own transaction.
    """
    # Two changes of one study take turns. Not of its key: both hold that already by the rows they made for the study.
    locked = Study.objects.select_for_update(of=("self",), no_key=True)
    rows = locked.select_related("clinic", "conclusion").prefetch_related("images__predictions")
    row = rows.get(pk=study.pk)
    images = list(row.images.all())
    row.queue = study.queue = _queue(row, images)
    study.worst_grade = _worst_grade(row, images)
    study.urgency = _urgency(row)
    study.analysis_state = _analysis_state(images)
    study.listed_at = timezone.now()
    columns = ("queue", "urgency", "worst_grade", "analysis_state", "listed_at")
    # Not by save(): these are no facts of the history, which would read the row once more to compare it.
    Study.objects.filter(pk=study.pk).update(**{name: getattr(study, name) for name in columns})
    transaction.on_commit(lambda: work_list_changed(study.clinic_id))
    return study


def _queue(study: Study, images: list[Image]) -> StudyQueue:
    """Photographs that nobody can grade are to be taken again, unless a reader has signed for them as they are."""
    state = reading_state_of(study) if images else StudyQueue.UPLOAD_AGAIN
    unusable = all(image.verdict == QualityVerdict.UNGRADABLE for image in images)
    return StudyQueue.UPLOAD_AGAIN if state == StudyQueue.TO_READ and unusable else state


def _urgency(study: Study) -> Urgency:
    """By the decision; until a senior reader has settled it, by the network's proposal where that is more cautious."""
    decisions = [decision_of(study)]
    if study.queue == StudyQueue.TO_ADJUDICATE:
        decisions.append(proposal_of(study))
    return max((URGENCY_OF[decision.referral] for decision in decisions if decision), default=Urgency.ROUTINE)


def _worst_grade(study: Study, images: list[Image]) -> int | None:
    """Of the reading that holds, or else of the newest result of each photograph (ICDR 0-4), unless it is hidden.

    Until a senior reader has settled it, what was signed counts beside the results.
    """
    grades: list[int | None] = []
    if study.conclusion is None and not study.network_hidden:
        grades += [_newest_result_grade(image) for image in images]
    signed = [study.conclusion] if study.conclusion is not None else []
    if study.queue == StudyQueue.TO_ADJUDICATE:
        signed = readings_to_compare(study)
    grades += [reading.grade(eye) for reading in signed for eye in EYES]
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

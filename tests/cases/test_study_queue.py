"""Queue, urgency, worst grade and state of analysis follow the rows of a study."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from cases.choices import AnalysisState, PredictionState, StudyQueue, Urgency
from cases.models import Prediction, Study
from cases.services.image import image_upload
from cases.services.prediction import prediction_cancel, prediction_request, prediction_retry
from cases.services.prediction_lease import MAX_ATTEMPTS, prediction_claim
from cases.services.study_queue import study_queue_refresh
from tests.factories import (
    ImageFactory,
    PredictionFactory,
    ReadingFactory,
    StudyFactory,
    fundus_jpeg,
    staffed_clinic,
)

pytestmark = pytest.mark.django_db


def refreshed(study: Study) -> Study:
    study_queue_refresh(study=study)
    return Study.objects.get(pk=study.pk)


def test_a_study_without_photographs_waits_for_them():
    study = refreshed(StudyFactory())
    assert (study.queue, study.urgency) == (StudyQueue.UPLOAD_AGAIN, Urgency.ROUTINE)
    assert (study.worst_grade, study.analysis_state) == (None, AnalysisState.NONE)


@pytest.mark.parametrize(
    ("grade", "urgency"),
    [(0, Urgency.ROUTINE), (1, Urgency.ROUTINE), (2, Urgency.SOON), (3, Urgency.URGENT), (4, Urgency.URGENT)],
)
def test_the_grade_says_how_urgent_it_is(grade, urgency):
    image = ImageFactory()
    PredictionFactory(image=image, grade=grade)
    assert refreshed(image.study).urgency == urgency


def test_the_worst_grade_is_that_of_the_newest_result_of_each_photograph():
    first = ImageFactory()
    second = ImageFactory(study=first.study)
    PredictionFactory(image=first, grade=4, model_name="unet")
    PredictionFactory(image=first, grade=2, model_name="manet")
    PredictionFactory(image=first, state=PredictionState.FAILED)
    PredictionFactory(image=second, grade=1)
    assert refreshed(first.study).worst_grade == 2


def test_what_is_signed_goes_before_the_network():
    image = ImageFactory()
    PredictionFactory(image=image, grade=4)
    reading = ReadingFactory(study=image.study, grade_od=1, grade_os=0, signed=True)
    assert refreshed(image.study).queue == StudyQueue.TO_ADJUDICATE
    assert refreshed(image.study).worst_grade == 4
    Study.objects.filter(pk=image.study_id).update(conclusion=reading)
    study = refreshed(image.study)
    assert (study.queue, study.worst_grade, study.urgency) == (StudyQueue.SIGNED, 1, Urgency.ROUTINE)


def test_the_worst_state_of_analysis_is_shown():
    image = ImageFactory()
    PredictionFactory(image=image)
    assert refreshed(image.study).analysis_state == AnalysisState.ANALYSED
    other = ImageFactory(study=image.study)
    failed = PredictionFactory(image=other, state=PredictionState.FAILED)
    assert refreshed(image.study).analysis_state == AnalysisState.FAILED
    PredictionFactory(image=other, model_name="manet", state=PredictionState.RUNNING)
    assert refreshed(image.study).analysis_state == AnalysisState.WAITING
    failed.image.predictions.exclude(pk=failed.pk).update(state=PredictionState.SUCCEEDED, grade=0)
    assert refreshed(image.study).analysis_state == AnalysisState.ANALYSED


def test_every_step_of_an_analysis_is_followed(monkeypatch):
    monkeypatch.setattr("cases.services.prediction._active_weights", lambda name: (name, {name: "0" * 64}))
    staff = staffed_clinic()
    upload = SimpleUploadedFile("eye.jpg", fundus_jpeg(), "image/jpeg")
    study = StudyFactory(clinic=staff.clinic)

    def state() -> tuple[str, str]:
        row = Study.objects.get(pk=study.pk)
        return row.queue, row.analysis_state

    image = image_upload(user=staff.technician, upload=upload, study=study)
    assert state() == (StudyQueue.TO_READ, AnalysisState.NONE)
    prediction = prediction_request(user=staff.reader, image=image, model_name="unet")
    assert state() == (StudyQueue.TO_READ, AnalysisState.WAITING)
    prediction_cancel(user=staff.reader, prediction=prediction)
    assert state() == (StudyQueue.TO_READ, AnalysisState.NONE)
    prediction_retry(user=staff.reader, prediction=prediction)
    assert state() == (StudyQueue.TO_READ, AnalysisState.WAITING)
    lapsed = timezone.now() - timedelta(seconds=1)
    Prediction.objects.filter(pk=prediction.pk).update(
        state=PredictionState.RUNNING, attempts=MAX_ATTEMPTS, lease_expires_at=lapsed
    )
    prediction_claim()
    assert state() == (StudyQueue.TO_READ, AnalysisState.FAILED)

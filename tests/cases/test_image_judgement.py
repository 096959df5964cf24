"""Quality, landmarks, duplicates and the two grades: what is stored, who may overrule it, and what follows."""

import cv2
import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from cases.choices import (
    Finding,
    Laterality,
    Lesion,
    PredictionState,
    QualityVerdict,
    Role,
    StudyQueue,
)
from cases.errors import ApplicationError, Conflict, NotAllowed
from cases.models import LesionResult, Prediction
from cases.selectors.decision import findings_of_networks
from cases.selectors.image import twins_of
from cases.selectors.lesion_rules import current_rules, grade_disagreements
from cases.selectors.study import study_get
from cases.services.analysis import prediction_run_next
from cases.services.image import image_upload
from cases.services.image_judgement import image_override_quality, image_place_landmark
from cases.services.prediction import prediction_retry
from tests.factories import (
    HEIGHT,
    ImageFactory,
    MaskRevisionFactory,
    PredictionFactory,
    StudyFactory,
    fundus_jpeg,
    fundus_rgb,
    mask_png,
    staffed_clinic,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return staffed_clinic()


def uploaded(staff, rgb=None, study=None):
    content = fundus_jpeg() if rgb is None else cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
    study = study or StudyFactory(clinic=staff.clinic)
    return image_upload(user=staff.technician, upload=SimpleUploadedFile("eye.jpg", content), study=study)


def darkened() -> np.ndarray:
    return (fundus_rgb() * 0.07).astype(np.uint8)


def test_an_upload_is_judged_and_its_landmarks_are_found(staff):
    image = uploaded(staff)
    assert image.quality_verdict == QualityVerdict.LIMITED  # 240 pixels are few
    assert [reason["code"] for reason in image.quality["reasons"] if reason["severity"] == "limited"] == [
        "low_resolution"
    ]
    assert image.laterality == Laterality.UNKNOWN  # a person states it
    assert image.eye == image.landmarks["laterality"]
    assert 40 < image.landmarks["disc"]["x"] < 280


def test_a_dark_photograph_is_ungradable_and_its_study_waits_for_another(staff):
    image = uploaded(staff, darkened())
    assert image.verdict == QualityVerdict.UNGRADABLE
    assert image.study.queue == StudyQueue.UPLOAD_AGAIN
    [eye] = findings_of_networks([image])
    assert eye.findings() == [Finding.UNGRADABLE]


def test_the_analysis_of_an_ungradable_photograph_ends_so_until_a_reader_overrules(staff):
    image = uploaded(staff, darkened())
    prediction = PredictionFactory(image=image, state=PredictionState.QUEUED)
    prediction_run_next(pk=prediction.pk)
    prediction.refresh_from_db()
    assert (prediction.state, prediction.error_code) == (PredictionState.UNGRADABLE, "ungradable")
    assert prediction.error_sentence
    image_override_quality(user=staff.reader, image=image, verdict="limited", note="Vessels can be seen.")
    assert prediction_retry(user=staff.reader, prediction=prediction).state == PredictionState.QUEUED


def test_a_reader_overrules_with_a_note_and_takes_it_back(staff):
    image = uploaded(staff, darkened())
    with pytest.raises(ApplicationError) as refused:
        image_override_quality(user=staff.reader, image=image, verdict="gradable", note="  ")
    assert refused.value.code == "note_needed"
    image_override_quality(user=staff.reader, image=image, verdict="gradable", note="Bright enough.")
    image.refresh_from_db()
    assert (image.verdict, image.quality_verdict) == ("gradable", "ungradable")
    assert (image.quality_overridden_by, image.quality_note) == (staff.reader, "Bright enough.")
    assert image.study.queue == StudyQueue.TO_READ
    image_override_quality(user=staff.senior, image=image, verdict="", note="")
    assert image.verdict == "ungradable"
    assert image.study.queue == StudyQueue.UPLOAD_AGAIN


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("own", [True, False])
def test_only_readers_of_the_clinic_overrule_quality(staff, role, own):
    user = (staff if own else staffed_clinic()).by_role()[role]
    allowed = own and role in (Role.READER, Role.SENIOR_READER)
    if allowed:
        image_override_quality(user=user, image=staff.image, verdict="ungradable", note="Blurred.")
    else:
        with pytest.raises(NotAllowed):
            image_override_quality(user=user, image=staff.image, verdict="ungradable", note="Blurred.")
    staff.image.refresh_from_db()
    assert staff.image.verdict == ("ungradable" if allowed else "")


def test_a_landmark_is_placed_and_the_eye_follows(staff):
    image = staff.image
    image_place_landmark(user=staff.technician, image=image, kind="disc", x=200, y=120)
    image_place_landmark(user=staff.technician, image=image, kind="fovea", x=120, y=125)
    image.refresh_from_db()
    assert image.landmarks["fovea"] == {"x": 120, "y": 125, "confidence": 1.0, "placed_by": staff.technician.pk}
    assert image.eye == "OD"
    image_place_landmark(user=staff.reader, image=image, kind="fovea", x=260, y=125)
    image.refresh_from_db()
    assert image.eye == "OS"
    with pytest.raises(ApplicationError) as refused:
        image_place_landmark(user=staff.reader, image=image, kind="fovea", x=320, y=10)
    assert refused.value.code == "outside_photograph"
    with pytest.raises(NotAllowed):
        image_place_landmark(user=staffed_clinic().reader, image=image, kind="fovea", x=10, y=10)


def test_a_study_takes_the_same_file_once_and_other_studies_are_told(staff):
    first = uploaded(staff)
    with pytest.raises(Conflict) as refused:
        uploaded(staff, study=first.study)
    assert (refused.value.code, refused.value.details) == ("already_in_study", {"image_id": first.pk})
    second, elsewhere = uploaded(staff), uploaded(staffed_clinic())
    assert list(twins_of(staff.technician, second)) == [first]
    assert not twins_of(elsewhere.study.created_by, elsewhere)


def test_the_rule_grade_follows_the_masks_that_hold(staff):
    image = staff.image
    for result in LesionResult.objects.filter(prediction=staff.prediction):
        result.mask.save(".png", ContentFile(mask_png((0, 0, 0, 0))))
    assert shown_rules(staff).grade.grade == 0
    MaskRevisionFactory(prediction=staff.prediction, lesion=Lesion.HE, author=staff.reader)
    rules = shown_rules(staff)
    assert (rules.grade.grade, rules.corrected) == (2, True)
    MaskRevisionFactory(prediction=staff.prediction, lesion=Lesion.EX, author=staff.reader)
    assert shown_rules(staff).grade.macula.state == "unknown"
    image_place_landmark(user=staff.reader, image=image, kind="fovea", x=100, y=100)
    assert shown_rules(staff).grade.macula.state == "referable"


def test_of_the_network_s_mask_only_sure_areas_count_of_a_corrected_one_all(staff):
    results = {result.lesion: result for result in LesionResult.objects.filter(prediction=staff.prediction)}
    for lesion in ("EX", "SE", "MA"):
        results[lesion].mask.save(".png", ContentFile(mask_png((0, 0, 0, 0))))
    results["HE"].unsure = [0]
    results["HE"].save()
    assert shown_rules(staff).grade.grade == 0
    image_place_landmark(user=staff.reader, image=staff.image, kind="fovea", x=100, y=100)
    assert shown_rules(staff).grade.grade == 0
    MaskRevisionFactory(prediction=staff.prediction, lesion=Lesion.HE, author=staff.reader)
    assert shown_rules(staff).grade.grade == 2


def shown_rules(staff):
    [image] = study_get(staff.reader, staff.study.pk).images.all()
    return current_rules(image)


@pytest.mark.parametrize(
    ("network", "rule", "limit", "disagree"),
    [(2, 2, 1, False), (2, 1, 1, True), (2, 1, 2, False), (0, 2, 2, True), (4, 3, 1, False), (4, 2, 1, True)],
)
def test_grades_apart_by_the_clinic_s_limit_disagree(staff, network, rule, limit, disagree):
    staff.clinic.grade_difference = limit
    staff.clinic.save()
    Prediction.objects.filter(pk=staff.prediction.pk).update(grade=network, rule_grade=rule)
    found = grade_disagreements(study_get(staff.reader, staff.study.pk))
    assert [(row.network_grade, row.rule_grade) for row in found] == ([(network, rule)] if disagree else [])


def test_a_result_from_before_the_rules_disagrees_with_nothing(staff):
    assert staff.prediction.rule_grade is None
    ImageFactory(study=staff.study)
    assert grade_disagreements(staff.study) == []


def test_landmarks_lie_on_the_photograph(staff):
    assert 0 < uploaded(staff).landmarks["disc"]["y"] < HEIGHT

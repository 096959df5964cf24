"""A clinic's figures: counted right, and only its own."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cases.charts import HEIGHT, WIDTH, column_chart
from cases.choices import Gradability, Laterality
from cases.models import Image, Study
from cases.selectors.statistics import Durations, Span, clinic_statistics
from cases.services.mask_revision import mask_revision_create
from cases.services.reading import Words
from cases.services.signing import reading_sign
from tests.factories import (
    ClinicFactory,
    ImageFactory,
    PredictionFactory,
    Staff,
    StudyFactory,
    judged_study,
    mask_png,
    staffed_clinic,
)

pytestmark = pytest.mark.django_db


@given(st.lists(st.tuples(st.text(max_size=3), st.lists(st.none() | st.floats(0, 1e6), min_size=2, max_size=2))))
def test_columns_lie_within_their_chart(groups):
    for column in column_chart(("a", "b"), groups).columns:
        assert 0 <= column.x <= column.x + column.width <= WIDTH + 0.1
        assert column.y + column.height == pytest.approx(HEIGHT, abs=0.1)


def test_durations():
    assert Durations.of([]) == Durations(0, None, None)
    assert Durations.of([4.0]) == Durations(1, 4.0, 4.0)
    assert Durations.of([float(n) for n in range(11)]) == Durations(11, 5.0, 9.0)


@pytest.fixture
def staff() -> Staff:
    """A clinic that has seen nobody yet."""
    staff = staffed_clinic()
    Study.objects.filter(pk=staff.study.pk).update(clinic=ClinicFactory())
    return staff


def span(days: int = 40) -> Span:
    today = timezone.localdate()
    return Span(today - dt.timedelta(days=days), today)


def figures(staff: Staff, **kwargs):
    return clinic_statistics(staff.clinicadmin, staff.clinic, span(**kwargs))


def signed(staff: Staff, grades=(2, 1), **words) -> Study:
    study = judged_study(staff.clinic)
    reading_sign(user=staff.reader, study=study, words=Words(grade_od=grades[0], grade_os=grades[1], **words))
    return study


def test_what_came_in_and_was_signed_is_counted_by_month(staff):
    signed(staff)
    judged_study(staff.clinic)
    judged_study(staffed_clinic().clinic)  # another clinic's
    old = StudyFactory(clinic=staff.clinic)
    Study.objects.filter(pk=old.pk).update(created_at=timezone.now() - dt.timedelta(days=100))
    found = figures(staff)
    assert len(found.months) in (2, 3)
    assert [(month.studies, month.photographs, month.signed) for month in found.months][-1] == (2, 4, 1)
    assert sum(month.studies for month in figures(staff, days=110).months) == 3


def test_time_from_upload_to_result_and_to_signature(staff):
    study = signed(staff)
    uploaded = timezone.now() - dt.timedelta(days=2)
    Image.objects.filter(study=study).update(created_at=uploaded)
    for image, seconds in zip(study.images.all(), (10, 30), strict=True):
        image.predictions.update(finished_at=uploaded + dt.timedelta(seconds=seconds))
        PredictionFactory(image=image, finished_at=uploaded + dt.timedelta(seconds=999))  # a second result
    found = figures(staff)
    assert (found.to_result.count, found.to_result.middle) == (2, pytest.approx(20))
    assert found.to_signature.middle == pytest.approx(2 * 86400, abs=60)


def test_ungradable_photographs_and_eyes(staff):
    study = signed(staff, grades=(2, None), gradability_os=Gradability.UNGRADABLE)
    first, second = study.images.all()
    Image.objects.filter(pk=first.pk).update(quality_verdict="ungradable", quality_override="limited")
    Image.objects.filter(pk=second.pk).update(quality_verdict="ungradable")
    ImageFactory(study=study, quality_verdict="gradable")
    found = figures(staff)
    assert (found.ungradable_photographs, found.judged_photographs) == (1, 3)
    assert (found.ungradable_eyes, found.signed_eyes) == (1, 2)
    assert [row.signed for row in found.grades] == [0, 0, 1, 0, 0]
    assert [row.network for row in found.grades] == [0, 1, 1, 0, 0]


def test_agreement_by_version_of_the_network(staff):
    signed(staff, grades=(2, 1))
    signed(staff, grades=(3, 1))
    newer = judged_study(staff.clinic)
    for image in newer.images.all():
        prediction = image.predictions.get()
        prediction.networks["grader"]["version"] = "2"
        prediction.save()
        PredictionFactory(image=image, for_comparison=True, grade=4)
    reading_sign(user=staff.reader, study=newer, words=Words(grade_od=2, grade_os=1))
    old, new = figures(staff).grading
    assert (old.version, sorted(old.pairs)) == ("1", [(1, 1), (1, 1), (2, 2), (2, 3)])
    assert old.kappa == pytest.approx(0.75, abs=0.06)
    assert (new.version, sorted(new.pairs), new.kappa) == ("2", [(1, 1), (2, 2)], 1.0)


def test_agreement_of_masks_counts_what_readers_changed(staff):
    study = judged_study(staff.clinic)
    first, second = study.images.all()
    # The network's mask is 10 x 8 pixels: half of it, and nothing of it.
    mask_revision_create(user=staff.reader, image=first, lesion="EX", content=mask_png((100, 100, 105, 108)))
    mask_revision_create(user=staff.reader, image=second, lesion="SE", content=mask_png((0, 0, 0, 0)))
    reading_sign(user=staff.reader, study=study, words=Words(grade_od=2, grade_os=1))
    (row,) = figures(staff).masks
    assert row.corrected == 2
    assert row.mean_dice == [pytest.approx((2 / 3 + 1) / 2), 0.5, 1.0, 1.0]


def test_the_number_of_queries_does_not_grow(staff, django_assert_max_num_queries):
    for _ in range(3):
        signed(staff)
    # concluded studies with their readings, photographs, results, corrections, studies
    with django_assert_max_num_queries(5):
        figures(staff)


def test_an_eye_counts_with_its_worst_photograph(staff):
    study = judged_study(staff.clinic)
    PredictionFactory(image=ImageFactory(study=study, laterality=Laterality.OD), grade=4)
    reading_sign(user=staff.reader, study=study, words=Words(grade_od=3, grade_os=1))
    (row,) = figures(staff).grading
    assert sorted(row.pairs) == [(1, 1), (4, 3)]

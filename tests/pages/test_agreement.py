"""The page of agreement: kappa of grades and Dice of masks, from what was signed."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from cases.choices import ReadingMode, Role
from cases.models import MaskAgreement
from cases.selectors.agreement import agreement_of, grade_agreement
from cases.services.mask_revision import mask_revision_create
from cases.services.reading import Words
from cases.services.signing import reading_sign
from tests.factories import MembershipFactory, judged_study, mask_png, staffed_clinic

pytestmark = pytest.mark.django_db
BOX = (100, 100, 110, 108)  # the network's, of the factories: 80 px


@pytest.fixture
def staff():
    return staffed_clinic()


def sign(user, study, right, left):
    return reading_sign(user=user, study=study, words=Words(grade_od=right, grade_os=left))


def double(staff, first, second, grades=(2, 1), boxes=()):
    study = judged_study(staff.clinic, grades=grades, reading_mode=ReadingMode.DOUBLE, blind=True)
    other = MembershipFactory(clinic=staff.clinic).user
    for user, words, box in zip((staff.reader, other), (first, second), boxes or (None, None), strict=True):
        if box:
            mask_revision_create(user=user, image=study.images.first(), lesion="EX", content=mask_png(box))
        sign(user, study, *words)
    return study


def today(staff):
    return agreement_of(staff.clinic, since=timezone.localdate())


def test_kappa_is_what_a_hand_calculates():
    found = grade_agreement([(0, 1), (1, 1), (2, 2)])
    assert (found.eyes, found.equal) == (3, 2)
    first, second = [0, 1, 2], [1, 1, 2]
    observed = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) / 3
    expected = sum((a - b) ** 2 for a in first for b in second) / 9
    assert found.kappa == pytest.approx(1 - observed / expected)


def test_kappa_is_not_defined_for_one_grade_or_none():
    assert grade_agreement([]).kappa is None
    assert grade_agreement([(1, 1), (1, 1)]).kappa is None


def test_readers_are_compared_with_each_other_the_network_and_the_rule(staff):
    study = double(staff, (2, 1), (3, 1))
    single = judged_study(staff.clinic, grades=(0, 4))
    single.images.first().predictions.update(rule_grade=0)
    sign(staff.senior, single, 0, 3)
    found = today(staff)
    assert found.readings == 3
    assert found.between_readers.table[2][3] == 1
    assert (found.between_readers.eyes, found.between_readers.equal) == (2, 1)
    assert (found.with_network.eyes, found.with_network.equal) == (6, 4)
    assert (found.with_rule.eyes, found.with_rule.equal) == (1, 1)
    assert study.images.count() == 2


def test_masks_are_counted_once_with_what_they_have_in_common(staff):
    double(staff, (2, 1), (2, 1), boxes=(BOX, (105, 100, 115, 108)))
    found = today(staff)
    readers = {row.lesion: row for row in found.masks_between_readers}
    network = {row.lesion: row for row in found.masks_with_network}
    # The right photograph half in common (40 of 80 + 80), the left one the network's both times (80 of 80 + 80).
    assert readers["EX"].dice == pytest.approx(2 * (40 + 80) / 320)
    assert network["EX"].dice == pytest.approx(2 * (80 + 40 + 80 + 80) / 640)
    assert readers["HE"].dice == network["HE"].dice == 1
    assert MaskAgreement.objects.count() == 4 * 2 * 3


def test_blind_studies_do_not_count_nor_do_those_of_other_clinics(staff):
    study = judged_study(staff.clinic, reading_mode=ReadingMode.DOUBLE, blind=True)
    sign(staff.reader, study, 2, 1)
    there = staffed_clinic()
    sign(there.reader, judged_study(there.clinic), 2, 1)
    assert today(staff).readings == 0


def test_number_of_queries_does_not_depend_on_the_readings(staff, django_assert_max_num_queries):
    for _ in range(3):
        double(staff, (2, 1), (3, 1))
    with django_assert_max_num_queries(3):
        assert today(staff).readings == 6


@pytest.mark.parametrize("role", Role.values)
def test_seniors_and_administrators_of_the_clinic_see_it(client, staff, role):
    double(staff, (2, 1), (3, 1))
    client.force_login(staff.by_role()[role])
    answer = client.get(reverse("cases:agreement", args=[staff.clinic.pk]), {"since": "2026-02-31"})
    assert answer.status_code == (200 if role in (Role.SENIOR_READER, Role.CLINIC_ADMIN) else 403)
    client.force_login(staffed_clinic().senior)
    assert client.get(reverse("cases:agreement", args=[staff.clinic.pk])).status_code == 404

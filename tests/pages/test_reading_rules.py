"""The page on which a clinic's administrator says how studies are read and what follows from the findings."""

from __future__ import annotations

import pytest
from django.urls import reverse

from cases.choices import Finding, Referral, Role
from cases.decision import DEFAULTS
from cases.models import ReferralRule
from cases.selectors.decision import referral_table
from tests.factories import staffed_clinic

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return staffed_clinic()


def address(staff) -> str:
    return reverse("cases:reading_rules", args=[staff.clinic.pk])


def filled_in(**changes) -> dict:
    """What the page sends where nothing was changed, with `changes`."""
    data = {
        "double_reading_percent": 0,
        "adjudicate_from": 1,
        "senior_reads_disagreements": "on",
        "grade_difference": 1,
    }
    for finding, rule in DEFAULTS.items():
        data |= {
            f"{finding}-referral": int(rule.referral),
            f"{finding}-months": rule.months,
            f"{finding}-source": rule.source,
        }
    return data | changes


def test_rows_that_differ_become_the_clinics_own_and_go_back(client, staff):
    client.force_login(staff.clinicadmin)
    assert "ICO 2017" in client.get(address(staff)).content.decode()
    changed = filled_in(**{"grade_1-months": 6, "grade_1-source": "Our guideline", "double_reading_percent": 25})
    assert client.post(address(staff), changed).status_code == 302
    staff.clinic.refresh_from_db()
    assert staff.clinic.double_reading_percent == 25
    row = ReferralRule.objects.get()
    assert (row.finding, row.months, row.source) == (Finding.GRADE_1, 6, "Our guideline")
    assert referral_table(staff.clinic)[Finding.GRADE_1].referral == Referral.NONE
    client.post(address(staff), filled_in())
    assert not ReferralRule.objects.exists()


@pytest.mark.parametrize("wrong", [{"grade_4-months": 0}, {"grade_4-referral": 9}, {"double_reading_percent": 101}])
def test_what_is_wrong_is_shown_and_nothing_is_kept(client, staff, wrong):
    client.force_login(staff.clinicadmin)
    answer = client.post(address(staff), filled_in(**{"grade_1-months": 6}, **wrong))
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode() or "field--invalid" in answer.content.decode()
    assert not ReferralRule.objects.exists()
    staff.clinic.refresh_from_db()
    assert staff.clinic.double_reading_percent == 0


@pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.READER, Role.SENIOR_READER])
def test_only_administrators_of_the_clinic(client, staff, role):
    client.force_login(staff.by_role()[role])
    assert client.get(address(staff)).status_code == 403
    assert client.post(address(staff), filled_in()).status_code == 403
    assert client.get(reverse("cases:reading_rules")).status_code == 403
    client.force_login(staffed_clinic().clinicadmin)
    assert client.get(address(staff)).status_code == 404


def test_without_a_clinic_named_the_first_one_opens(client, staff):
    client.force_login(staff.clinicadmin)
    assert client.get(reverse("cases:reading_rules"))["Location"] == address(staff)

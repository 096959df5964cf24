"""The page of a clinic's figures: who sees it, what it shows, what is downloaded."""

from __future__ import annotations

import csv
import io

import pytest
from django.utils import timezone

from cases.services.reading import Words
from cases.services.signing import reading_sign
from tests.factories import UserFactory, judged_study, staffed_clinic

pytestmark = pytest.mark.django_db
PAGE = "/statistics/"


@pytest.fixture
def staff():
    staff = staffed_clinic()
    study = judged_study(staff.clinic)
    reading_sign(user=staff.reader, study=study, words=Words(grade_od=2, grade_os=1))
    return staff


def test_the_page_shows_charts_and_the_same_numbers_in_tables(client, staff):
    client.force_login(staff.clinicadmin)
    page = client.get(PAGE).content.decode()
    assert page.count("<svg") == 3
    assert "style=" not in page
    assert f"Statistics · {staff.clinic.name}" in page
    assert "<td>grader 1</td>" in page
    assert "1.000" in page


def test_the_tables_are_downloaded_as_csv(client, staff):
    client.force_login(staff.clinicadmin)
    answer = client.get(PAGE, {"format": "csv"})
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    today = f"{timezone.localdate():%Y-%m}"
    values = {(row["figure"], row["month"], row["detail"]): row["value"] for row in rows}
    assert values["signed", today, ""] == "1"
    assert values["quadratic_kappa", today, ""] == "1.0"
    assert values["mean_dice", today, "EX"] == "1.0"
    assert values["grade_signed_eyes", "", "2"] == "1"


def test_days_can_be_chosen_and_wrong_ones_are_told(client, staff):
    client.force_login(staff.clinicadmin)
    page = client.get(PAGE, {"first": "2020-01-01", "last": "2020-02-01"}).content.decode()
    assert "Nothing was signed in this time." in page
    for first, last in (("2020-02-01", "2020-01-01"), ("2000-01-01", "2020-01-01"), ("nonsense", "2020-01-01")):
        page = client.get(PAGE, {"first": first, "last": last}).content.decode()
        assert "message--error" in page


def test_only_those_who_manage_a_clinic_see_its_figures(client, staff):
    other = staffed_clinic()
    for user in (staff.technician, staff.reader, staff.senior):
        client.force_login(user)
        assert client.get(PAGE).status_code == 403
        assert client.get(PAGE, {"clinic": staff.clinic.pk}).status_code == 403
    client.force_login(other.clinicadmin)
    assert client.get(PAGE, {"clinic": staff.clinic.pk}).status_code == 404
    assert client.get(PAGE, {"clinic": "nonsense"}).status_code == 404
    assert staff.clinic.name not in client.get(PAGE).content.decode()
    client.force_login(UserFactory(is_superuser=True))
    assert client.get(PAGE, {"clinic": staff.clinic.pk}).status_code == 200
    client.logout()
    assert client.get(PAGE).status_code == 302

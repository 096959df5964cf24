"""A clinic's figures, as its administrator looks at them and takes them along."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import expect

from cases.services.reading import Words
from cases.services.signing import reading_sign
from tests.factories import judged_study, staffed_clinic

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_administrator_looks_at_the_own_clinic_and_at_no_other(log_in, live_server, staff):
    other = staffed_clinic()
    for clinic, reader, grade in ((staff.clinic, staff.reader, 2), (other.clinic, other.reader, 4)):
        study = judged_study(clinic)
        reading_sign(user=reader, study=study, words=Words(grade_od=grade, grade_os=grade))
    page = log_in(staff.clinicadmin)
    page.goto(live_server.url)
    page.locator(".menu__button").click()
    page.get_by_role("link", name="Statistics").click()
    expect(page.get_by_role("heading", name=f"Statistics · {staff.clinic.name}")).to_be_visible()
    expect(page.locator("#clinic option")).to_have_text([staff.clinic.name])
    for chart in page.locator("main svg").all():
        expect(chart).to_be_visible()
    grades = page.locator("section", has=page.get_by_role("heading", name="Grades")).get_by_role("row")
    expect(grades.filter(has_text="2 · Moderate").get_by_role("cell").first).to_have_text("2")
    expect(grades.filter(has_text="4 · Proliferative").get_by_role("cell").first).to_have_text("0")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    with Path(download.value.path()).open(encoding="utf-8-sig") as file:
        told = {(row["figure"], row["detail"]): row["value"] for row in csv.DictReader(file)}
    assert (told["grade_signed_eyes", "2"], told["grade_signed_eyes", "4"]) == ("2", "0")

    page.get_by_label("From").fill("2020-01-01")
    page.get_by_label("To").fill("2020-02-01")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nothing was signed in this time.")).to_be_visible()
    answer = page.goto(f"{live_server.url}/statistics/?clinic={other.clinic.pk}")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_text(other.clinic.name)).to_have_count(0)

"""Signing on the page of a study: the password dialog, the lock, amendments, adjudication."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from cases.choices import ReadingMode
from cases.models import Reading, Study
from cases.services.reading import Words
from cases.services.signing import reading_sign
from tests.factories import PASSWORD, MembershipFactory, judged_study

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def study(staff) -> Study:
    return judged_study(staff.clinic)


@pytest.fixture
def opened(log_in, live_server):
    """Open the page of a study as a user."""

    def open_study(user, study: Study) -> Page:
        page = log_in(user)
        page.goto(f"{live_server.url}/studies/{study.pk}/")
        expect(page.locator("#grade")).to_be_visible()
        return page

    return open_study


def state(page: Page, right: str = "2", left: str = "1") -> None:
    page.get_by_label("Grade, right eye (OD)").select_option(right)
    page.get_by_label("Grade, left eye (OS)").select_option(left)


def sign(page: Page, password: str = PASSWORD) -> None:
    if not page.locator("#sign-dialog").is_visible():
        page.get_by_role("button", name="Sign …").click()
    page.locator("#sign-password").fill(password)
    page.locator("#sign-form").get_by_role("button", name="Sign", exact=True).click()


def test_sign_then_locked_then_amend(opened, staff, study):
    page = opened(staff.reader, study)
    expect(page.locator("#decision-standing")).to_be_visible()
    state(page)
    page.get_by_label("Macula, right eye (OD)").select_option("none")
    page.get_by_label("Diagnosis text").fill("Moderate NPDR.")
    sign(page)
    signed = page.locator(".signed-reading")
    expect(signed).to_contain_text("2 · Moderate non-proliferative DR, No sign")
    expect(signed).to_contain_text("version 1")
    expect(signed).to_contain_text(Reading.objects.get().sha256[:16])
    expect(page.locator("#reading")).to_have_count(0)
    expect(page.locator("#decision-referral")).to_have_text("Refer")
    expect(page.locator("#decision-standing")).to_be_hidden()

    page.get_by_label("Reason of the amendment").fill("Haemorrhage overlooked")
    page.get_by_role("button", name="Amend").click()
    expect(page.get_by_text("is amending the signed reading: Haemorrhage overlooked")).to_be_visible()
    expect(page.get_by_label("Diagnosis text")).to_have_value("Moderate NPDR.")
    state(page, right="4")
    sign(page)
    expect(page.locator(".signed-reading")).to_contain_text("version 2")
    expect(page.locator(".signed-reading")).to_contain_text("Haemorrhage overlooked")
    expect(page.locator("#decision-referral")).to_have_text("Refer urgently")
    assert list(Reading.objects.order_by("version").values_list("grade_od", flat=True)) == [2, 4]


def test_the_page_says_that_a_senior_reader_has_not_decided(opened, live_server, staff, study):
    study.images.first().predictions.update(rule_grade=0)
    page = opened(staff.reader, study)
    standing = page.locator("#decision-standing")
    expect(standing).to_have_text("Proposed by the network, not signed")
    state(page)
    sign(page)
    expect(standing).to_have_text("Signed, but a senior reader has not decided yet")
    page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": live_server.url}])
    page.reload()
    expect(standing).to_have_text("已签署，但高级阅片者尚未裁定")


def test_a_wrong_password_or_a_missing_grade_signs_nothing_and_loses_nothing(opened, staff, study):
    page = opened(staff.reader, study)
    state(page, left="")
    sign(page, "no such password")
    error = page.locator("#sign-error")
    expect(error).to_have_text("The password is not right. Nothing was signed.")
    sign(page)
    expect(error).to_contain_text("OS: give a grade")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Grade, right eye (OD)")).to_have_value("2")
    state(page)
    sign(page)
    expect(page.locator(".signed-reading")).to_be_visible()


def test_a_session_that_ended_costs_nothing(opened, staff, study):
    page = opened(staff.reader, study)
    state(page)
    page.get_by_label("Diagnosis text").fill("Written before the session ended.")
    Session.objects.all().delete()
    sign(page, "no such password")
    expect(page.locator("#sign-error")).to_contain_text("You are logged out, and the password is not right.")
    sign(page)
    expect(page.locator(".signed-reading")).to_contain_text("Written before the session ended.")
    assert Reading.objects.get().reader == staff.reader


def test_giving_up_an_amendment(opened, staff, study):
    reading_sign(user=staff.reader, study=study, words=Words(diagnosis="As signed.", grade_od=2, grade_os=1))
    page = opened(staff.senior, study)
    page.get_by_label("Reason of the amendment").fill("Second look")
    page.get_by_role("button", name="Amend").click()
    page.get_by_role("button", name="Give up the amendment").click()
    expect(page.locator(".signed-reading")).to_contain_text("As signed.")
    assert Reading.objects.count() == 1


def test_a_senior_reader_decides_between_two(opened, staff):
    study = judged_study(staff.clinic, reading_mode=ReadingMode.DOUBLE, blind=True)
    second = MembershipFactory(clinic=staff.clinic).user
    reading_sign(user=staff.reader, study=study, words=Words(diagnosis="First opinion.", grade_od=3, grade_os=1))
    page = opened(second, study)
    expect(page.get_by_text("Two readers judge this study without each other.")).to_be_visible()
    expect(page.get_by_text("First opinion.")).to_have_count(0)
    state(page, right="1")
    sign(page)
    expect(page.locator("#differences")).to_contain_text("OD: 3 · Severe non-proliferative DR")
    expect(page.locator("#sign")).to_have_count(0)

    page = opened(staff.senior, study)
    page.get_by_role("button", name=f"Start from the reading of {staff.reader.username}").click()
    expect(page.get_by_label("Diagnosis text")).to_have_value("First opinion.")
    state(page, right="2")
    sign(page)
    expect(page.locator(".signed-reading")).to_contain_text("2 · Moderate")
    study.refresh_from_db()
    assert (study.queue, study.conclusion.kind) == ("signed", "adjudication")

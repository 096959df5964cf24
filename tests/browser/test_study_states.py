"""The study page in states that a started system passes too quickly, or never: waiting, failed, corrected."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from playwright.sync_api import expect

from cases.choices import PredictionState
from cases.models import Prediction
from cases.services.worker import worker_seen
from tests.factories import (
    WIDTH,
    ImageFactory,
    MaskRevisionFactory,
    PredictionFactory,
    StudyFactory,
    mask_png,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_failed_analysis_is_tried_again_and_cancelled(reader, live_server, staff):
    image = ImageFactory(study=StudyFactory(clinic=staff.clinic))
    failed = PredictionFactory(
        image=image, state=PredictionState.FAILED, error_code="given_up", error_message="It failed several times."
    )
    reader.goto(f"{live_server.url}/studies/{image.study_id}/")
    expect(reader.locator("#progress")).to_contain_text("It failed several times.")
    expect(reader.locator("#lesions-card")).to_be_hidden()
    reader.get_by_role("button", name="Try again").click()
    expect(reader.locator("#progress")).to_contain_text("Waiting; next in line.")
    expect(reader.locator(".thumbnail")).to_contain_text("Being analysed")
    reader.get_by_role("button", name="Cancel").click()
    expect(reader.locator("#progress")).to_contain_text("ended without a result: Cancelled")
    failed.refresh_from_db()
    assert failed.state == PredictionState.CANCELLED


def test_stages_and_result_arrive_while_one_looks(reader, live_server, staff):
    image = ImageFactory(study=StudyFactory(clinic=staff.clinic))
    first = PredictionFactory(image=image, state=PredictionState.RUNNING, stage="grade")
    reader.goto(f"{live_server.url}/studies/{image.study_id}/")
    expect(reader.locator("#progress")).to_contain_text("Being analysed: grading")
    Prediction.objects.filter(pk=first.pk).update(stage="segment")
    expect(reader.locator("#progress")).to_contain_text("outlining lesions", timeout=10_000)
    Prediction.objects.filter(pk=first.pk).update(state=PredictionState.CANCELLED)
    PredictionFactory(image=image, grade=3)
    expect(reader.locator("#grade")).to_contain_text("Severe non-proliferative DR", timeout=15_000)
    expect(reader.locator("#progress")).to_be_hidden()


def test_a_worker_that_fell_silent_is_told_of(reader, live_server, staff):
    image = ImageFactory(study=StudyFactory(clinic=staff.clinic))
    held = {"lease_expires_at": timezone.now() + dt.timedelta(minutes=1), "attempts": 1}
    row = PredictionFactory(image=image, state=PredictionState.RUNNING, stage="grade", **held)
    reader.goto(f"{live_server.url}/studies/{image.study_id}/")
    expect(reader.locator("#progress")).to_have_text("Being analysed: grading …")
    Prediction.objects.filter(pk=row.pk).update(lease_expires_at=timezone.now())
    expect(reader.locator("#progress")).to_contain_text("has fallen silent; the next free one takes over by itself")
    Prediction.objects.filter(pk=row.pk).update(lease_expires_at=timezone.now() + dt.timedelta(minutes=1), attempts=2)
    expect(reader.locator("#progress")).to_contain_text("An earlier attempt was interrupted; it is tried again")


def test_place_in_the_queue(reader, live_server, staff):
    image = ImageFactory(study=StudyFactory(clinic=staff.clinic))
    PredictionFactory(state=PredictionState.QUEUED)
    PredictionFactory(image=image, state=PredictionState.QUEUED)
    reader.goto(f"{live_server.url}/studies/{image.study_id}/")
    expect(reader.locator("#progress")).to_contain_text("Waiting; 1 analysis ahead. No worker is running at present")
    worker_seen(name="one", processors=["cpu"], networks={}, started_at=timezone.now())
    expect(reader.locator("#progress")).not_to_contain_text("No worker", timeout=20_000)


def test_corrections_are_compared_with_the_networks_own(reader, live_server, staff):
    for number, area in ((1, 600), (2, 321)):
        MaskRevisionFactory(prediction=staff.prediction, lesion="EX", number=number, area_px=area)
    reader.goto(f"{live_server.url}/studies/{staff.study.pk}/")
    area = reader.locator("tr[data-lesion=EX] td").nth(1)
    expect(area).to_have_text("321")
    reader.get_by_role("button", name="Network's own").click()
    expect(area).to_have_text("80")
    reader.locator("tr[data-lesion=EX] select").select_option("r1")
    expect(area).to_have_text("600")
    reader.get_by_role("button", name="Corrected").click()
    expect(area).to_have_text("321")
    expect(reader.locator("tr[data-lesion=MA] select")).to_be_hidden()


def test_photographs_are_tabs(reader, live_server, staff):
    staff.study.images.update(laterality="OD")
    second = ImageFactory(study=staff.study, laterality="OS", filename="left.jpg")
    PredictionFactory(image=second, grade=4)
    reader.goto(f"{live_server.url}/studies/{staff.study.pk}/")
    tabs = reader.get_by_role("tab")
    expect(tabs).to_have_count(2)
    tabs.first.focus()
    reader.keyboard.press("ArrowRight")
    expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")
    expect(tabs.nth(1)).to_be_focused()
    expect(reader.locator("#grade")).to_contain_text("Proliferative DR")
    expect(reader.locator("#photograph-facts")).to_contain_text("left.jpg")
    expect(reader.get_by_role("link", name="Correct masks")).to_have_attribute("href", f"/images/{second.pk}/correct/")


def test_study_without_photographs(reader, live_server, staff):
    study = StudyFactory(clinic=staff.clinic)
    reader.goto(f"{live_server.url}/studies/{study.pk}/")
    expect(reader.get_by_text("This study has no photographs yet.")).to_be_visible()


def test_a_grade_is_explained_on_request(reader, live_server, staff):
    reader.goto(f"{live_server.url}/studies/{staff.study.pk}/")
    layer = reader.locator("canvas[data-lesion=explanation]")
    reader.get_by_role("button", name="Show what speaks for this grade").click()
    expect(reader.locator("#progress")).to_contain_text("Waiting")
    asked = Prediction.objects.get(explain=True)
    assert (asked.image, asked.model_name) == (staff.image, staff.prediction.model_name)
    asked.explanation.save(".png", ContentFile(mask_png()))
    Prediction.objects.filter(pk=asked.pk).update(
        state=PredictionState.SUCCEEDED, grade=2, probabilities=staff.prediction.probabilities
    )
    shown = reader.get_by_label("What speaks for this grade", exact=True)
    expect(shown).to_be_checked(timeout=15_000)
    expect(layer).to_be_visible()
    expect(layer).to_have_js_property("width", WIDTH)
    shown.uncheck()
    expect(layer).to_be_hidden()
    expect(reader.get_by_role("button", name="Show what speaks for this grade")).to_be_hidden()


def test_administrators_open_the_time_taken(log_in, live_server, staff):
    Prediction.objects.filter(pk=staff.prediction.pk).update(timings={"grade": 0.25, "segment": 1.5})
    page = log_in(staff.clinicadmin)
    page.goto(f"{live_server.url}/studies/{staff.study.pk}/")
    page.get_by_text("Time taken").click()
    expect(page.locator("#timing-list")).to_contain_text("Outlining lesions")
    expect(page.locator("#timing-list dd").last).to_have_text("1.750 s")

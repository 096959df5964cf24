"""Both eyes, quality, the rules and their places on the photograph, as a reader works with them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.factories import HEIGHT, WIDTH, ImageFactory, PredictionFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HAEMORRHAGES = {
    "code": "haemorrhages",
    "grade": 2,
    "lesion": "HE",
    "count": 2,
    "quadrants": {"upper_left": 2, "upper_right": 0, "lower_left": 0, "lower_right": 0},
    "regions": [[100, 60, 8, 8], [120, 80, 8, 8]],
}


def test_a_reader_looks_at_rules_overrules_quality_and_marks_the_fovea(reader, live_server, staff):
    left = staff.image
    left.landmarks = {
        "disc": {"x": 90, "y": 120, "confidence": 0.9},
        "fovea": None,
        "laterality": "OS",
        "field": "macula",
    }
    left.quality_verdict = "limited"
    left.quality = {"reasons": [{"code": "out_of_focus", "severity": "limited"}]}
    left.save()
    staff.prediction.delete()
    PredictionFactory(image=left, grade=3, rule_grade=2, rule_findings=[HAEMORRHAGES])
    ImageFactory(study=staff.study, laterality="OD")
    reader.goto(f"{live_server.url}/studies/{staff.study.pk}/")

    right_eye, left_eye = reader.locator(".eye[data-eye=OD]"), reader.locator(".eye[data-eye=OS]")
    expect(left_eye.locator(".thumbnail")).to_contain_text("OS?")
    expect(left_eye.locator(".thumbnail")).to_contain_text("Grades differ")
    assert right_eye.bounding_box()["x"] < left_eye.bounding_box()["x"]

    expect(reader.locator("#rule-grade")).to_contain_text("Moderate")
    expect(reader.locator("#grade")).to_contain_text("Severe")
    expect(reader.locator("#disagreement")).to_be_visible()
    expect(reader.locator("#rule-limits")).to_contain_text("venous beading")
    rule = reader.locator("[data-rule=haemorrhages]")
    expect(rule).to_contain_text("2 found · upper left 2")
    rule.hover()
    expect(reader.locator(".marks__regions rect")).to_have_count(2)
    reader.locator("h1").hover()
    expect(reader.locator(".marks__regions rect")).to_have_count(0)
    rule.focus()
    expect(reader.locator(".marks__regions rect")).to_have_count(2)

    reader.get_by_role("button", name="Confirm").click()
    expect(reader.locator("#laterality")).to_have_value("OS")
    expect(left_eye.locator(".thumbnail")).not_to_contain_text("?")

    expect(reader.locator("#quality-reasons")).to_contain_text("out of focus")
    reader.get_by_text("Overrule").click()
    reader.get_by_label("Your verdict").select_option("gradable")
    reader.get_by_role("button", name="Save verdict").click()
    expect(reader.locator("#quality-state")).to_contain_text("Say why")
    reader.get_by_label("Why").fill("Sharp at the macula.")
    reader.get_by_role("button", name="Save verdict").click()
    expect(reader.locator("#quality-note")).to_contain_text("Sharp at the macula.")
    expect(reader.locator("#quality-verdict")).to_have_text("Gradable")

    reader.get_by_role("button", name="Mark fovea").click()
    viewport = reader.locator("#viewport")
    expect(viewport).to_have_class(re.compile("placing"))
    box = viewport.bounding_box()
    viewport.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(reader.locator(".marks__fovea")).to_have_count(1)
    left.refresh_from_db()
    assert left.landmarks["fovea"]["x"] == pytest.approx(WIDTH / 2, abs=2)
    assert left.landmarks["fovea"]["y"] == pytest.approx(HEIGHT / 2, abs=2)

"""The ICDR text as rules over masks: counts, quadrants, minimum evidence, and the macula proxy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.field_of_view import FieldOfView
from inference.lesions import LESIONS
from inference.measurement import disc_area
from inference.regions import Regions, find_regions
from inference.rules import MINIMUM_AREA, grade_by_rule

SIDE = 800
FOV = FieldOfView(box=(0, 0, SIDE, SIDE), centre=(SIDE / 2, SIDE / 2), radius=SIDE / 2)
DISC, FOVEA = (700.0, 400.0), (400.0, 400.0)
DIAMETER = 2 * math.sqrt(disc_area(FOV) / math.pi)


def mask(*corners: tuple[int, int], size: int = 8) -> np.ndarray:
    drawn = np.zeros((SIDE, SIDE), bool)
    for x, y in corners:
        drawn[y : y + size, x : x + size] = True
    return drawn


def spread(per_quadrant: int) -> list[tuple[int, int]]:
    """That many places in each quadrant around the fovea, apart from each other."""
    places = [(20 + 20 * (n % 15), 30 + 20 * (n // 15)) for n in range(per_quadrant)]
    return [(x + 400 * right, y + 400 * low) for x, y in places for right in (0, 1) for low in (0, 1)]


def areas_of(masks: dict[str, np.ndarray]) -> dict[str, Regions]:
    return {lesion: find_regions(drawn) for lesion, drawn in masks.items()}


def graded(**masks: np.ndarray):
    return grade_by_rule(areas_of(masks), FOV, DISC, FOVEA)


def test_no_lesion_is_grade_0_and_nothing_is_said_of_the_macula_but_that():
    result = graded(**{lesion: mask() for lesion in LESIONS})
    assert (result.grade, [finding.code for finding in result.findings]) == (0, ["no_lesion"])
    assert result.macula.state == "none"


def test_microaneurysms_alone_are_grade_1():
    result = graded(MA=mask((100, 100), (300, 300)))
    assert (result.grade, result.findings[0].code, result.findings[0].count) == (1, "microaneurysms_only", 2)
    assert result.findings[0].regions == [(100, 100, 8, 8), (300, 300, 8, 8)]


@pytest.mark.parametrize(("lesion", "code"), [("HE", "haemorrhages"), ("EX", "hard_exudates"), ("SE", "soft_exudates")])
def test_anything_more_is_grade_2(lesion, code):
    result = graded(MA=mask((100, 100)), **{lesion: mask((200, 200), size=20)})
    assert (result.grade, result.findings[0].code) == (2, code)


@pytest.mark.parametrize(("per_quadrant", "grade"), [(20, 2), (21, 3)])
def test_more_than_twenty_haemorrhages_in_each_quadrant_are_grade_3(per_quadrant, grade):
    result = graded(HE=mask(*spread(per_quadrant)))
    assert result.grade == grade
    assert set(result.findings[0].quadrants.values()) == {per_quadrant}
    assert result.findings[0].count == 4 * per_quadrant


def test_one_quadrant_with_twenty_keeps_it_at_grade_2():
    places = spread(21)
    result = graded(HE=mask(*places[4:], places[0], places[1], places[2]))
    assert result.grade == 2
    assert sorted(result.findings[0].quadrants.values()) == [20, 21, 21, 21]


def test_quadrants_turn_with_the_axis_from_disc_to_fovea():
    haemorrhages = areas_of({"HE": mask((480, 420))})  # to the right of the fovea and just below it
    level = grade_by_rule(haemorrhages, FOV, DISC, FOVEA).findings[0].quadrants
    tilted = grade_by_rule(haemorrhages, FOV, (700.0, 600.0), FOVEA).findings[0].quadrants
    assert level["lower_right"] == 1
    assert tilted["upper_right"] == 1


def test_specks_below_the_minimum_are_no_evidence():
    side = math.floor(math.sqrt(MINIMUM_AREA["HE"] * disc_area(FOV)))
    assert graded(HE=mask((200, 200), size=side)).grade == 0
    assert graded(HE=mask((200, 200), size=side + 1)).grade == 2


def test_areas_that_are_not_sure_do_not_count():
    masks = {"HE": mask((500, 100), (100, 200), (300, 300)), "EX": mask((400, 420)), "MA": mask((200, 700))}
    areas, unsure = areas_of(masks), {"HE": [0, 2], "EX": [0]}
    result = grade_by_rule(areas, FOV, DISC, FOVEA, unsure)
    [finding] = result.findings
    assert (result.grade, finding.code, finding.count, finding.regions) == (2, "haemorrhages", 1, [(100, 200, 8, 8)])
    assert sum(finding.quadrants.values()) == 1
    assert result.macula.state == "none"
    nothing_sure = grade_by_rule(areas, FOV, DISC, FOVEA, unsure | {"HE": [0, 1, 2]})
    assert (nothing_sure.grade, nothing_sure.findings[0].code) == (1, "microaneurysms_only")


@pytest.mark.parametrize(
    ("diameters", "state"), [(0.5, "referable"), (0.98, "referable"), (1.5, "possible"), (2.5, "none")]
)
def test_the_macula_is_told_by_the_nearest_hard_exudate(diameters, state):
    x = round(FOVEA[0] - diameters * DIAMETER) - 7  # the square's nearest column
    macula = graded(EX=mask((x, 400))).macula
    assert macula.state == state
    assert macula.nearest == pytest.approx(diameters, abs=0.02)
    others = [(20, 20), (700, 60), (60, 700)]
    assert graded(EX=mask((x, 400), *others)).macula == macula
    assert macula.radius == pytest.approx(DIAMETER, abs=0.1)


def test_a_ring_of_exudates_is_measured_by_its_pixels_not_by_its_box():
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(columns - FOVEA[0], rows - FOVEA[1]) / DIAMETER
    assert graded(EX=(distance > 1.4) & (distance < 1.5)).macula.state == "possible"


def test_exudates_without_a_fovea_leave_the_macula_unknown():
    assert grade_by_rule(areas_of({"EX": mask((200, 200))}), FOV, DISC, None).macula.state == "unknown"


@given(st.dictionaries(st.sampled_from(LESIONS), st.lists(st.tuples(*[st.integers(0, SIDE - 8)] * 2), max_size=6)))
def test_the_grade_is_that_of_the_worst_rule_that_fired(places):
    result = graded(**{lesion: mask(*corners) for lesion, corners in places.items()})
    assert result.grade == max(finding.grade for finding in result.findings)
    for finding in result.findings:
        assert not finding.quadrants or sum(finding.quadrants.values()) == finding.count

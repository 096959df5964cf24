"""The grade that lesion masks show by rule, and what they show of the macula. Pure functions of masks.

The rules are those of the International Clinical Diabetic Retinopathy scale (Wilkinson et al., Ophthalmology
2003;110:1677-1682), as far as four kinds of lesion can tell:

- 0, no abnormality: no lesion.
- 1, microaneurysms only.
- 2, more than just microaneurysms but less than severe: any haemorrhage, hard or soft exudate.
- 3, "more than 20 intraretinal haemorrhages in each of 4 quadrants". The scale's two other signs of grade 3 (venous
  beading in two quadrants, prominent intraretinal microvascular abnormalities in one) and those of grade 4
  (neovascularisation, vitreous or preretinal haemorrhage) are no lesions that the networks outline: see
  NOT_ASSESSED. A grade by rule is therefore never higher than 3, and is a lower bound.

"More than 20" is read as 21 or more. A connected area counts as one haemorrhage. Quadrants are cut by the axis from
the disc to the fovea and its perpendicular, through the fovea; where one of both is unknown, through the middle of the
field of view, level. One photograph of 45 or 50 degrees shows less than the retina that the scale's authors graded on,
so that its count is a lower bound too.

Specks below MINIMUM_AREA are no evidence: networks scatter them over normal eyes. Nor are areas of which a network is
not sure, where its card says how sure it must be (`inference.cards.RuleCertainty`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import hypot, inf, pi, sqrt
from typing import Any, Final, Literal

import numpy as np

from inference.errors import gettext_noop
from inference.field_of_view import FieldOfView
from inference.measurement import disc_area
from inference.regions import Regions
from inference.runs import Runs

Point = tuple[float, float]

HAEMORRHAGES_PER_QUADRANT: Final = 20
"""A quadrant counts with more than these."""

MINIMUM_AREA: Final[dict[str, float]] = {"EX": 0.0008, "SE": 0.004, "HE": 0.0008, "MA": 0.0003}
"""Smallest area that counts, as a share of the assumed disc area (2.7 square millimetres): microaneurysms from 32
micrometres across, haemorrhages and hard exudates from 52, soft exudates from 117."""

NOT_ASSESSED: Final = (
    gettext_noop("venous beading"),
    gettext_noop("intraretinal microvascular abnormalities (IRMA)"),
    gettext_noop("new vessels"),
    gettext_noop("vitreous and preretinal haemorrhage"),
)
"""Signs of grades 3 and 4 that four lesions cannot show."""

RULES: Final[dict[str, str]] = {
    "no_lesion": gettext_noop("No lesion of the four kinds that counts."),
    "microaneurysms_only": gettext_noop("Microaneurysms only."),
    "haemorrhages": gettext_noop("Haemorrhages."),
    "hard_exudates": gettext_noop("Hard exudates."),
    "soft_exudates": gettext_noop("Soft exudates (cotton-wool spots)."),
    "haemorrhages_in_four_quadrants": gettext_noop("More than 20 haemorrhages in each of four quadrants."),
}
"""What fired, by code."""

_RULE_OF_LESION = {"HE": "haemorrhages", "EX": "hard_exudates", "SE": "soft_exudates"}
QUADRANTS: Final = ("upper_left", "upper_right", "lower_left", "lower_right")
REGIONS_KEPT = 200
"""The largest regions of a finding, for highlighting."""

MaculaState = Literal["none", "possible", "referable", "unknown"]


@dataclass(frozen=True, slots=True)
class Spot:
    """A connected area in pixels of the photograph: its centre, and the box (x, y, width, height) around it."""

    centre: Point
    box: tuple[int, int, int, int]
    area: int


@dataclass(frozen=True, slots=True)
class RuleFinding:
    """A rule that fired: the grade it gives, its numbers, and where on the photograph to look."""

    code: str
    grade: int
    lesion: str = ""
    count: int = 0
    quadrants: dict[str, int] = field(default_factory=dict)
    """Count by quadrant as it lies on the photograph; empty for rules that do not count by quadrant."""
    regions: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Boxes (x, y, width, height) of the largest spots."""


@dataclass(frozen=True, slots=True)
class Macula:
    """Hard exudates near the fovea, the sign of macular oedema that a photograph without depth can show.

    `referable`: within one disc diameter of the fovea; `possible`: within two (the macula), but not one; `none`;
    `unknown` where there are exudates but no fovea. `radius` is one disc diameter, in pixels.
    """

    state: MaculaState
    radius: float
    fovea: Point | None = None
    nearest: float | None = None
    """Distance of the nearest hard exudate from the fovea in disc diameters; None where there is none."""


@dataclass(frozen=True, slots=True)
class RuleGrade:
    """`grade` is 0-3 (ICDR); `findings` has every rule that fired, the deciding one first."""

    grade: int
    findings: list[RuleFinding]
    macula: Macula

    def findings_json(self) -> list[dict[str, Any]]:
        """For the record."""
        return [asdict(finding) for finding in self.findings]


def grade_by_rule(
    areas: Mapping[str, Regions],
    fov: FieldOfView,
    disc: Point | None = None,
    fovea: Point | None = None,
    unsure: Mapping[str, Sequence[int]] | None = None,
) -> RuleGrade:
    """Grade the areas of masks by lesion code; `disc` and `fovea` are centres in pixels, None where unknown.

    A lesion without areas counts as absent. `unsure` has, by lesion, the numbers (see `Regions`) of the areas that do
    not count.
    """
    unit, left_out = disc_area(fov), unsure or {}
    spots = {
        lesion: _spots(regions, MINIMUM_AREA[lesion] * unit, left_out.get(lesion, ()))
        for lesion, regions in areas.items()
    }
    findings = [
        RuleFinding(rule, 2, lesion, len(found), regions=_regions(found))
        for lesion, rule in _RULE_OF_LESION.items()
        if (found := spots.get(lesion))
    ]
    haemorrhages = spots.get("HE", [])
    quadrants = _by_quadrant(haemorrhages, _axis(fov, disc, fovea))
    if min(quadrants.values()) > HAEMORRHAGES_PER_QUADRANT:
        count, regions = len(haemorrhages), _regions(haemorrhages)
        findings.insert(0, RuleFinding("haemorrhages_in_four_quadrants", 3, "HE", count, quadrants, regions))
    if not findings:
        aneurysms = spots.get("MA", [])
        rule, grade = ("microaneurysms_only", 1) if aneurysms else ("no_lesion", 0)
        lesion = "MA" if aneurysms else ""
        findings = [RuleFinding(rule, grade, lesion, len(aneurysms), regions=_regions(aneurysms))]
    findings = [_with_quadrants(finding, quadrants) for finding in findings]
    diameter = 2 * sqrt(unit / pi)
    exudates = areas["EX"].runs if spots.get("EX") else None
    return RuleGrade(findings[0].grade, findings, _macula(exudates, spots.get("EX", []), fovea, diameter))


def _with_quadrants(finding: RuleFinding, quadrants: dict[str, int]) -> RuleFinding:
    if finding.lesion != "HE" or finding.quadrants:
        return finding
    return RuleFinding(finding.code, finding.grade, "HE", finding.count, quadrants, finding.regions)


def _spots(regions: Regions, smallest: float, unsure: Sequence[int]) -> list[Spot]:
    """Areas of at least `smallest` pixels without those `unsure`, the largest first."""
    counted = regions.areas >= smallest
    counted[list(unsure)] = False
    largest = np.argsort(-regions.areas, kind="stable")
    largest = largest[counted[largest]]
    return [
        Spot((float(x), float(y)), (int(left), int(top), int(width), int(height)), int(area))
        for (x, y), (left, top, width, height), area in zip(
            regions.centres[largest], regions.boxes[largest], regions.areas[largest], strict=True
        )
    ]


def _regions(spots: list[Spot]) -> list[tuple[int, int, int, int]]:
    return [spot.box for spot in spots[:REGIONS_KEPT]]


def _axis(fov: FieldOfView, disc: Point | None, fovea: Point | None) -> tuple[Point, Point]:
    """The point in which the quadrants meet, and the unit vector along the axis, pointing right."""
    if disc is None or fovea is None:
        return fovea or fov.centre, (1.0, 0.0)
    left, right = sorted((disc, fovea))
    length = hypot(right[0] - left[0], right[1] - left[1]) or 1.0
    return fovea, ((right[0] - left[0]) / length, (right[1] - left[1]) / length)


def _by_quadrant(spots: list[Spot], axis: tuple[Point, Point]) -> dict[str, int]:
    (x0, y0), (ax, ay) = axis
    counts = dict.fromkeys(QUADRANTS, 0)
    for spot in spots:
        x, y = spot.centre[0] - x0, spot.centre[1] - y0
        along, across = x * ax + y * ay, y * ax - x * ay
        counts[f"{'lower' if across > 0 else 'upper'}_{'right' if along > 0 else 'left'}"] += 1
    return counts


def _macula(exudates: Runs | None, spots: list[Spot], fovea: Point | None, diameter: float) -> Macula:
    if exudates is None:
        return Macula("none", round(diameter, 1), fovea)
    if fovea is None:
        return Macula("unknown", round(diameter, 1))
    nearest = inf
    for least, spot in sorted(((_to_box(spot.box, fovea), spot) for spot in spots), key=lambda pair: pair[0]):
        if least >= nearest:  # looking at the pixels of the nearest few boxes is enough
            break
        nearest = min(nearest, _distance(exudates, spot, fovea))
    nearest /= diameter
    state: MaculaState = "referable" if nearest <= 1 else "possible" if nearest <= 2 else "none"
    return Macula(state, round(diameter, 1), fovea, round(nearest, 2))


def _to_box(box: tuple[int, int, int, int], place: Point) -> float:
    """From `place` to the nearest pixel that a box can hold; 0 inside."""
    x, y, width, height = box
    return hypot(max(x - place[0], 0, place[0] - (x + width - 1)), max(y - place[1], 0, place[1] - (y + height - 1)))


def _distance(runs: Runs, spot: Spot, place: Point) -> float:
    """From `place` to the nearest pixel of the mask in the box of `spot`."""
    x, y, width, height = spot.box
    within = slice(*np.searchsorted(runs.rows, (y, y + height)))
    left, right = np.maximum(runs.left[within], x), np.minimum(runs.right[within], x + width)
    columns = np.clip(round(place[0]), left, right - 1)
    distances = np.hypot(columns - place[0], runs.rows[within] - place[1])
    return float(distances[left < right].min())

"""How well readers agree with each other, with the networks and with the grade by rule.

Everything comes from what was signed: the documents hold the grades that network and rule gave at that time, and the
masks in force. Bounded to the newest `MOST_READINGS` signatures of a period.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet, Sum

from cases.choices import IcdrGrade, Lesion, ReadingKind, ReadingState
from cases.decision import EYES
from cases.models import Clinic, MaskAgreement, Reading

MOST_READINGS = 1000
Pair = tuple[int, int]


@dataclass(frozen=True)
class GradeAgreement:
    """Two graders of the same eyes. `kappa` is None where it is not defined: no eyes, or one grade alone."""

    eyes: int
    equal: int
    kappa: float | None
    table: list[list[int]]  # [first][second], ICDR 0-4


@dataclass(frozen=True)
class MaskOverlap:
    """Pooled Dice of all masks of a lesion: twice the common area over the sum of both; None where all are empty."""

    lesion: str
    masks: int
    dice: float | None

    @property
    def label(self) -> str:
        """The lesion in words of the active language."""
        return str(Lesion(self.lesion).label)


@dataclass(frozen=True)
class Agreement:
    """What the page shows."""

    readings: int
    between_readers: GradeAgreement
    with_network: GradeAgreement
    with_rule: GradeAgreement
    masks_between_readers: list[MaskOverlap]
    masks_with_network: list[MaskOverlap]


def agreement_of(clinic: Clinic, *, since: dt.date) -> Agreement:
    """Of the clinic's readings signed on or after `since`, at most the newest `MOST_READINGS`.

    Adjudications and amendments are left out: their authors knew what others had said. So are blind studies.
    """
    readings = list(_signed(clinic, since)[:MOST_READINGS])
    documents = {reading.pk: json.loads(reading.snapshot) for reading in readings}
    masks = MaskAgreement.objects.filter(reading__in=[reading.pk for reading in readings])
    return Agreement(
        readings=len(readings),
        between_readers=grade_agreement(_between(readings)),
        with_network=grade_agreement(_against(readings, documents, "grade")),
        with_rule=grade_agreement(_against(readings, documents, "rule_grade")),
        masks_between_readers=_overlaps(masks.filter(other__isnull=False)),
        masks_with_network=_overlaps(masks.filter(other=None)),
    )


def _signed(clinic: Clinic, since: dt.date) -> QuerySet[Reading]:
    rows = Reading.objects.filter(
        study__clinic=clinic,
        study__blind=False,
        kind=ReadingKind.READING,
        amends=None,
        state=ReadingState.SIGNED,
        signed_at__date__gte=since,
    )
    return rows.order_by("-signed_at", "-pk")


def grade_agreement(pairs: Iterable[Pair]) -> GradeAgreement:
    """Cohen's kappa with quadratic weights (Cohen, Psychological Bulletin 1968) of pairs of ICDR grades, by
    scikit-learn.
    """
    table = [[0] * len(IcdrGrade) for _ in IcdrGrade]
    for first, second in pairs:
        table[first][second] += 1
    eyes = sum(map(sum, table))
    return GradeAgreement(
        eyes=eyes, equal=sum(table[grade][grade] for grade in IcdrGrade), kappa=_kappa(table), table=table
    )


def _kappa(table: list[list[int]]) -> float | None:
    cells = [(first, second, number) for first, row in enumerate(table) for second, number in enumerate(row) if number]
    if len({grade for first, second, _number in cells for grade in (first, second)}) < 2:
        return None
    from sklearn.metrics import cohen_kappa_score  # loaded by this page alone

    first, second, weights = zip(*cells, strict=True)
    return float(
        cohen_kappa_score(first, second, labels=list(range(len(table))), weights="quadratic", sample_weight=weights)
    )


def _between(readings: Iterable[Reading]) -> Iterator[Pair]:
    by_study: dict[int, list[Reading]] = {}
    for reading in readings:
        by_study.setdefault(reading.study_id, []).append(reading)
    for found in by_study.values():
        if len(found) > 1:
            second, first = found[:2]  # the newest come first
            yield from _both((first.grade(eye), second.grade(eye)) for eye in EYES)


def _against(readings: Iterable[Reading], documents: Mapping[int, Any], name: str) -> Iterator[Pair]:
    for reading in readings:
        worst = _worst_by_eye(documents[reading.pk], name)
        yield from _both((reading.grade(eye), worst.get(eye)) for eye in EYES)


def _both(pairs: Iterable[tuple[int | None, int | None]]) -> Iterator[Pair]:
    for first, second in pairs:
        if first is not None and second is not None:
            yield first, second


def _worst_by_eye(document: Mapping[str, Any], name: str) -> dict[str, int]:
    worst: dict[str, int] = {}
    for image in document.get("images", []):
        grade = (image["prediction"] or {}).get(name)
        if grade is not None:
            worst[image["laterality"]] = max(grade, worst.get(image["laterality"], 0))
    return worst


def _overlaps(rows: QuerySet[MaskAgreement]) -> list[MaskOverlap]:
    sums = rows.values("lesion").annotate(
        common=Sum("common_px"), own=Sum("area_px"), theirs=Sum("other_area_px"), masks=Count("pk")
    )
    by_lesion = {row["lesion"]: row for row in sums}
    return [_overlap(lesion, by_lesion.get(lesion)) for lesion in Lesion.values]


def _overlap(lesion: str, row: Mapping[str, int] | None) -> MaskOverlap:
    if row is None:
        return MaskOverlap(lesion, 0, None)
    total = row["own"] + row["theirs"]
    return MaskOverlap(lesion, row["masks"], 2 * row["common"] / total if total else None)

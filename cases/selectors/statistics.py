"""A clinic's figures over a span of days: how much, how quickly, how gradable, and whether networks and readers agree.

A fixed number of queries, whatever the number of studies; no file is opened.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean, median, quantiles
from typing import Any

from django.db.models import Min, Q
from django.utils import timezone

from cases.choices import Gradability, IcdrGrade, Lesion, PredictionState, QualityVerdict
from cases.decision import EYES
from cases.models import Clinic, Image, MaskAgreement, Prediction, Reading, Study
from cases.selectors.agreement import grade_agreement
from cases.selectors.viewer import Viewer

# By keys of reading and photograph, and lesion: Dice coefficient of the signed mask with the network's.
Overlaps = dict[tuple[int, int, str], float]


@dataclass(frozen=True)
class Span:
    """Days from `first` to `last`, both counted."""

    first: dt.date
    last: dt.date

    def within(self, field_name: str) -> Q:
        """The condition that a moment lies in the span, in the server's time zone."""
        return Q(**{f"{field_name}__date__gte": self.first, f"{field_name}__date__lte": self.last})


@dataclass
class Month:
    """What came in and was signed in a month."""

    start: dt.date
    studies: int = 0
    photographs: int = 0
    signed: int = 0


@dataclass(frozen=True)
class Durations:
    """Seconds from upload on; None where nothing was finished."""

    count: int
    middle: float | None
    ninth_decile: float | None

    @classmethod
    def of(cls, seconds: list[float]) -> Durations:
        """Median and 90th percentile."""
        if not seconds:
            return cls(0, None, None)
        tenths = quantiles(seconds, n=10, method="inclusive") if len(seconds) > 1 else seconds
        return cls(len(seconds), median(seconds), tenths[-1])


@dataclass(frozen=True)
class GradeCount:
    """How often a grade was signed for an eye, and how often the networks gave it to a photograph."""

    grade: IcdrGrade
    signed: int
    network: int


@dataclass
class Agreement:
    """Of networks in one version and what was signed in one month.

    `pairs` are grades per eye, network and reader; `dice` holds per lesion the Dice coefficient between the network's
    mask and the signed one; `corrected` counts the masks that were changed.
    """

    month: dt.date
    network: str
    version: str
    pairs: list[tuple[int, int]] = field(default_factory=list)
    dice: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    corrected: int = 0

    @property
    def kappa(self) -> float | None:
        """Quadratic weighted kappa."""
        return grade_agreement(self.pairs).kappa

    @property
    def mean_dice(self) -> list[float | None]:
        """Per lesion, in the order of `Lesion`; None where no mask was signed."""
        return [fmean(self.dice[lesion]) if self.dice.get(lesion) else None for lesion in Lesion.values]


@dataclass(frozen=True)
class ClinicStatistics:
    """All figures of one clinic and span."""

    months: list[Month]
    to_result: Durations
    to_signature: Durations
    judged_photographs: int
    ungradable_photographs: int
    signed_eyes: int
    ungradable_eyes: int
    grades: list[GradeCount]
    grading: list[Agreement]
    masks: list[Agreement]


def clinic_statistics(user: Viewer, clinic: Clinic, span: Span) -> ClinicStatistics:
    """The figures of a clinic for studies and photographs that came in, and readings that were signed, in the span."""
    images = Image.objects.for_user(user).filter(span.within("created_at"), study__clinic=clinic)
    studies = Study.objects.for_user(user).filter(span.within("created_at"), clinic=clinic)
    # What holds of a study; a reading that an amendment or adjudication replaced is not counted.
    concluded = Study.objects.for_user(user).filter(span.within("conclusion__signed_at"), clinic=clinic)
    signed = list(
        concluded.annotate(first_upload=Min("images__created_at")).select_related("conclusion").order_by("pk")
    )
    readings = [reading for study in signed if (reading := study.conclusion) is not None]
    uploaded = list(images.values_list("created_at", "quality_verdict", "quality_override"))
    verdicts = [override or verdict for _created, verdict, override in uploaded if override or verdict]
    eyes = [reading.gradability(eye) for reading in readings for eye in _eyes(reading)]
    results = _first_and_newest_results(user, clinic, span)
    grading, masks = _agreements(readings, _overlaps(clinic, span))
    return ClinicStatistics(
        months=_months(
            span, studies.values_list("created_at", flat=True), [row[0] for row in uploaded], _moments(readings)
        ),
        to_result=Durations.of([seconds for seconds, _grade in results]),
        to_signature=Durations.of(
            [
                (study.conclusion.signed_at - study.first_upload).total_seconds()
                for study in signed
                if study.conclusion and study.conclusion.signed_at and study.first_upload
            ]
        ),
        judged_photographs=len(verdicts),
        ungradable_photographs=verdicts.count(QualityVerdict.UNGRADABLE),
        signed_eyes=len(eyes),
        ungradable_eyes=eyes.count(Gradability.UNGRADABLE),
        grades=_grade_counts(readings, [grade for _seconds, grade in results]),
        grading=grading,
        masks=masks,
    )


def _eyes(reading: Reading) -> list[str]:
    """The eyes of which something is stated."""
    return [eye for eye in EYES if reading.grade(eye) is not None or reading.gradability(eye)]


def _moments(readings: Iterable[Reading]) -> list[dt.datetime]:
    return [reading.signed_at for reading in readings if reading.signed_at]


def _first_and_newest_results(user: Viewer, clinic: Clinic, span: Span) -> list[tuple[float, int | None]]:
    """Per photograph: seconds from the upload to its first result, and the grade of its newest."""
    rows = Prediction.clinical.for_user(user).filter(
        span.within("image__created_at"), image__study__clinic=clinic, state__in=PredictionState.results()
    )
    first: dict[int, float] = {}
    newest: dict[int, int | None] = {}
    for image, uploaded, finished, grade in rows.order_by("pk").values_list(
        "image_id", "image__created_at", "finished_at", "grade"
    ):
        first.setdefault(image, (finished - uploaded).total_seconds())
        newest[image] = grade
    return [(first[image], newest[image]) for image in first]


def _months(
    span: Span, studies: Iterable[dt.datetime], photographs: Iterable[dt.datetime], signed: Iterable[dt.datetime]
) -> list[Month]:
    months: dict[dt.date, Month] = {}
    day = span.first.replace(day=1)
    while day <= span.last:
        months[day] = Month(day)
        day = (day + dt.timedelta(days=32)).replace(day=1)
    for name, moments in (("studies", studies), ("photographs", photographs), ("signed", signed)):
        for start, number in Counter(map(_month, moments)).items():
            setattr(months[start], name, number)
    return list(months.values())


def _month(moment: dt.datetime) -> dt.date:
    return timezone.localdate(moment).replace(day=1)


def _grade_counts(readings: list[Reading], network: list[int | None]) -> list[GradeCount]:
    signed = Counter(reading.grade(eye) for reading in readings for eye in EYES)
    given = Counter(network)
    return [GradeCount(grade, signed[grade], given[grade]) for grade in IcdrGrade]


def _agreements(readings: list[Reading], overlaps: Overlaps) -> tuple[list[Agreement], list[Agreement]]:
    """Of the grader and of the lesion networks, by month and version, from what the signed documents say was seen."""
    graders: dict[tuple[dt.date, str, str], Agreement] = {}
    networks: dict[tuple[dt.date, str, str], Agreement] = {}
    for reading in readings:
        document = json.loads(reading.snapshot)
        month = _month(reading.signed_at)  # type: ignore[arg-type]  # signed readings have it
        for eye in EYES:
            _count_grades(graders, month, reading.grade(eye), [i for i in document["images"] if i["laterality"] == eye])
        for image in document["images"]:
            _count_masks(networks, month, reading, image, overlaps)
    return [graders[key] for key in sorted(graders)], [networks[key] for key in sorted(networks)]


def _agreement(found: dict[tuple[dt.date, str, str], Agreement], month: dt.date, network: Any) -> Agreement:
    key = (month, str(network.get("name")), str(network.get("version")))
    return found.setdefault(key, Agreement(*key))


def _count_grades(
    found: dict[tuple[dt.date, str, str], Agreement], month: dt.date, signed: int | None, images: list[dict[str, Any]]
) -> None:
    """A network grades photographs and a reader eyes: an eye counts with its worst photograph."""
    graded = [
        image["prediction"] for image in images if image["prediction"] and image["prediction"]["grade"] is not None
    ]
    if signed is None or not graded:
        return
    worst = max(graded, key=lambda prediction: int(prediction["grade"]))
    _agreement(found, month, worst["weights"].get("grader", {})).pairs.append((worst["grade"], signed))


def _count_masks(
    found: dict[tuple[dt.date, str, str], Agreement],
    month: dt.date,
    reading: Reading,
    image: dict[str, Any],
    overlaps: Overlaps,
) -> None:
    if not image["prediction"]:
        return
    agreement = _agreement(found, month, image["prediction"]["weights"].get("segmentation", {}))
    for lesion, mask in image["masks"].items():
        agreement.corrected += mask["source"] == "revision"
        if (dice := overlaps.get((reading.pk, image["id"], lesion))) is not None:
            agreement.dice[lesion].append(dice)


def _overlaps(clinic: Clinic, span: Span) -> Overlaps:
    """Where both masks are empty there is nothing to overlap."""
    rows = MaskAgreement.objects.filter(
        span.within("reading__signed_at"), reading__study__clinic=clinic, other=None
    ).values_list("reading_id", "image_id", "lesion", "common_px", "area_px", "other_area_px")
    return {
        (reading, image, lesion): 2 * common / (own + theirs)
        for reading, image, lesion, common, own, theirs in rows
        if own + theirs
    }

"""A patient's earlier visits beside a study, and what changed since, per eye and field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch

from cases.choices import Lesion
from cases.models import Image, Study
from cases.selectors.image import with_results
from cases.selectors.mask import CurrentMask, current_masks
from cases.selectors.prediction import latest_prediction
from cases.selectors.viewer import Viewer

VISITS_SHOWN = 4


@dataclass(frozen=True)
class LesionChange:
    """One lesion kind on an earlier visit, and how much there is more now; the changes are None without a pair."""

    lesion: str
    count: int
    area_disc: float
    count_change: int | None
    area_change: float | None


@dataclass(frozen=True)
class EarlierPhotograph:
    """A photograph of an earlier visit; `paired` where the study has one of the same eye and field."""

    image: Image
    eye: str
    field: str
    grade: int | None
    rule_grade: int | None
    paired: bool
    lesions: list[LesionChange]


@dataclass(frozen=True)
class EarlierVisit:
    """A visit before that of the study."""

    study: Study
    photographs: list[EarlierPhotograph]


def earlier_visits(user: Viewer, study: Study) -> list[EarlierVisit]:
    """The patient's last visits before this one, the newest first; empty where the study names nobody.

    `study` comes from `study_get`. Of several photographs of an eye and field the one uploaded last counts.
    """
    if study.patient_id is None:
        return []
    images: Prefetch = Prefetch("images", queryset=with_results(user, Image.objects.all()))
    others = Study.objects.for_user(user).filter(patient=study.patient_id, visit_date__lte=study.visit_date)
    others = others.exclude(pk=study.pk).exclude(visit_date=study.visit_date, pk__gt=study.pk)
    visits = others.order_by("-visit_date", "-pk").prefetch_related(images)[:VISITS_SHOWN]
    now = _newest_by_view(study.images.all())
    return [
        EarlierVisit(
            visit, [_compared(image, now.get(key)) for key, image in _newest_by_view(visit.images.all()).items()]
        )
        for visit in visits
    ]


def _newest_by_view(images: Iterable[Image]) -> dict[tuple[str, str], Image]:
    """Photographs with a result, by eye and field."""
    return {(image.eye, image.shown_field): image for image in images if latest_prediction(image) is not None}


def _compared(image: Image, current: Image | None) -> EarlierPhotograph:
    prediction = latest_prediction(image)
    before, now = _masks(image), _masks(current) if current else {}
    return EarlierPhotograph(
        image=image,
        eye=image.eye,
        field=image.shown_field,
        grade=prediction.grade if prediction else None,
        rule_grade=prediction.rule_grade if prediction else None,
        paired=current is not None,
        lesions=[_change(before[lesion], now.get(lesion)) for lesion in Lesion.values if lesion in before],
    )


def _masks(image: Image) -> dict[str, CurrentMask]:
    prediction = latest_prediction(image)
    return {mask.lesion: mask for mask in current_masks(image, prediction)} if prediction else {}


def _change(before: CurrentMask, now: CurrentMask | None) -> LesionChange:
    was, became = before.source, now.source if now else None
    return LesionChange(
        lesion=before.lesion,
        count=was.count,
        area_disc=was.area_disc,
        count_change=became.count - was.count if became else None,
        area_change=became.area_disc - was.area_disc if became else None,
    )

"""The work-list: queues in their order, and what comes next. `cases.services.study_queue` keeps its columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, IntegerField, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from cases.choices import Assigned, StudyQueue, Urgency
from cases.models import Clinic, Image, Patient, Report, Study, StudyShare, User
from cases.selectors.viewer import Viewer

SHARED = "shared"  # in place of a queue: the studies that other clinics share with one's own
LONGEST = 1000  # studies that a list pages through; who looks for one further down searches

# The most urgent first, and among them who has waited longest.
IN_TURN = ("-urgency", "created_at", "pk")
NEWEST_FIRST = ("-created_at", "-pk")


@dataclass(frozen=True)
class WorkListFilter:
    """Which studies are asked for; what is empty or None leaves none out."""

    queue: str = ""
    search: str = ""
    since: dt.date | None = None
    until: dt.date | None = None
    grade: int | None = None
    urgency: int | None = None
    analysis: str = ""
    assigned: str = ""


@dataclass(frozen=True)
class QueueCount:
    """How many studies are in a queue, and how many of them are urgent."""

    queue: StudyQueue
    number: int
    urgent: int


def work_list(user: User, wanted: WorkListFilter) -> list[int]:
    """Keys of the studies of the user's clinics in their turn: at most one more than `LONGEST`."""
    studies = _in_queue(user, wanted.queue)
    exact = {
        "urgency": wanted.urgency,
        "worst_grade": wanted.grade,
        "analysis_state": wanted.analysis,
        "visit_date__gte": wanted.since,
        "visit_date__lte": wanted.until,
    }
    studies = studies.filter(**{name: value for name, value in exact.items() if value not in ("", None)})
    if wanted.assigned == Assigned.ME:
        studies = studies.filter(assigned_to=user)
    elif wanted.assigned == Assigned.NOBODY:
        studies = studies.filter(assigned_to=None)
    if wanted.search:
        # By way of the patients, so that they are looked through once and not once per study.
        named = Q(record_number__istartswith=wanted.search) | Q(name__icontains=wanted.search)
        studies = studies.filter(patient__in=Patient.objects.filter(named))
    in_turn = IN_TURN if wanted.queue and wanted.queue != StudyQueue.SIGNED else NEWEST_FIRST
    return list(studies.order_by(*in_turn).values_list("pk", flat=True)[: LONGEST + 1])


def _in_queue(user: Viewer, queue: str) -> QuerySet[Study]:
    """The studies of the user's own clinics in `queue` (all where it is empty), or those that are `SHARED`."""
    if queue == SHARED:
        return Study.objects.filter(pk__in=StudyShare.objects.for_guest(user).values("study"))
    studies = Study.objects.of_clinics_of(user)
    return studies.filter(queue=queue) if queue else studies


def work_list_rows(user: Viewer, keys: Sequence[int]) -> list[Study]:
    """The studies with these keys, in this order, with what a row shows (see `with_counts`)."""
    studies = with_counts(Study.objects.for_user(user).filter(pk__in=keys))
    by_key = {study.pk: study for study in studies}
    return [by_key[key] for key in keys if key in by_key]


def studies_of(user: Viewer, patient: Patient) -> QuerySet[Study]:
    """A patient's studies, newest first, with what a row shows (see `with_counts`)."""
    return with_counts(Study.objects.for_user(user).filter(patient=patient))


def with_counts(studies: QuerySet[Study]) -> QuerySet[Study]:
    """Annotations `image_count` and `report_count`; clinic, patient and who has the study are read along."""
    return studies.select_related("clinic", "patient", "assigned_to").annotate(
        image_count=_counted(Image.objects.filter(study=OuterRef("pk"))),
        report_count=_counted(Report.objects.filter(study=OuterRef("pk"))),
    )


def queue_counts(user: Viewer) -> list[QueueCount]:
    """All queues in their order, from one query over an index."""
    rows = Study.objects.of_clinics_of(user).order_by().values("queue", "urgency").annotate(number=Count("pk"))
    found = {(row["queue"], row["urgency"]): row["number"] for row in rows}
    return [
        QueueCount(
            queue=queue,
            number=sum(found.get((queue, urgency), 0) for urgency in Urgency),
            urgent=found.get((queue, Urgency.URGENT), 0),
        )
        for queue in StudyQueue
    ]


def shared_count(user: Viewer) -> int:
    """How many studies other clinics share with the user."""
    return _in_queue(user, SHARED).count()


def next_in_queue(user: User, queue: str, *, after: Study | None = None) -> Study | None:
    """The study whose turn it is in `queue`, or after `after`; those that somebody else took are left out.

    After the last one it begins again; None where there is no other study.
    """
    free = Q(assigned_to=None) | Q(assigned_to=user)
    studies = _in_queue(user, queue).filter(free).order_by(*IN_TURN)
    if after is None:
        return studies.first()
    same_urgency = Q(urgency=after.urgency)
    later = (
        Q(urgency__lt=after.urgency)
        | (same_urgency & Q(created_at__gt=after.created_at))
        | (same_urgency & Q(created_at=after.created_at, pk__gt=after.pk))
    )
    return studies.filter(later).first() or studies.exclude(pk=after.pk).first()


def work_list_version(user: Viewer) -> tuple[object, ...] | None:
    """A value that changes whenever the work-list of `user` does; None where nobody is logged in."""
    if not user.is_authenticated:
        return None
    clinics = tuple(clinics_on_work_list(user))
    newest = Study.objects.filter(clinic__in=clinics).aggregate(at=Max("listed_at"))
    shares = tuple(StudyShare.objects.for_guest(user).order_by("pk").values_list("pk", flat=True))
    return clinics, newest["at"], shares


def clinics_on_work_list(user: Viewer) -> list[int]:
    """Keys of the clinics whose studies are on the work-list of `user`."""
    return list(Clinic.objects.for_user(user).order_by("pk").values_list("pk", flat=True))


def _counted(rows: QuerySet) -> Coalesce:
    """The number of a study's `rows`, as a subquery: several joins would multiply each other."""
    grouped = rows.order_by().values("study").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(grouped, output_field=IntegerField()), 0)

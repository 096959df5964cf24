from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from cases.models import HistoryEntry, User
from cases.permissions import Action, clinics_where


@dataclass(frozen=True)
class HistoryFilter:
    """Which entries are asked for; what is empty or None leaves none out. `what`: an access, or "change"."""

    patient: int | None = None
    study: int | None = None
    person: str = ""
    what: str = ""
    since: dt.date | None = None
    until: dt.date | None = None


CHANGE = "change"


def history_of(user: User, wanted: HistoryFilter) -> QuerySet[HistoryEntry]:
    """Entries of the clinics whose history `user` may see, newest first."""
    entries = HistoryEntry.objects.filter(clinic__in=clinics_where(user, Action.HISTORY))
    exact = {"patient": wanted.patient, "study": wanted.study}
    entries = entries.filter(**{name: value for name, value in exact.items() if value is not None})
    if wanted.person:
        named = Q(actor__username__icontains=wanted.person) | Q(actor__first_name__icontains=wanted.person)
        entries = entries.filter(named | Q(actor__last_name__icontains=wanted.person))
    if wanted.what:
        entries = entries.filter(access="" if wanted.what == CHANGE else wanted.what)
    if wanted.since:
        entries = entries.filter(timestamp__gte=_start_of(wanted.since))
    if wanted.until:
        entries = entries.filter(timestamp__lt=_start_of(wanted.until + dt.timedelta(days=1)))
    return entries.select_related("actor", "content_type", "clinic", "patient")


def _start_of(day: dt.date) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min))

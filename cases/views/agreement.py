"""How well readers, networks and the lesion rule agree: for senior readers and administrators of a clinic."""

from __future__ import annotations

import datetime as dt
from typing import cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from cases.choices import IcdrGrade
from cases.models import Clinic, User
from cases.permissions import Action, clinics_where
from cases.selectors.agreement import MOST_READINGS, agreement_of

PROPOSED = dt.timedelta(days=365)


@login_required
def agreement(request: HttpRequest, clinic_id: int | None = None) -> HttpResponse:
    """The figures of one clinic from ``?since=DAY`` on; without an id, of the first that the person may see."""
    user = cast("User", request.user)
    seen = clinics_where(user, Action.COMPARE_READERS)
    if clinic_id is None:
        first = seen.first()
        if first is None:
            raise PermissionDenied
        return redirect("cases:agreement", first.pk)
    clinic = get_object_or_404(Clinic.objects.for_user(user), pk=clinic_id)
    if clinic not in seen:
        raise PermissionDenied
    since = _day(request.GET.get("since", "")) or timezone.localdate() - PROPOSED
    found = agreement_of(clinic, since=since)
    context = {
        "clinic": clinic,
        "clinics": seen,
        "since": since,
        "agreement": found,
        "most": MOST_READINGS,
        "grades": IcdrGrade.choices,
        "grade_rows": [
            (_("Two readers"), found.between_readers),
            (_("Reader and network"), found.with_network),
            (_("Reader and grade by rule"), found.with_rule),
        ],
        "mask_rows": list(zip(found.masks_between_readers, found.masks_with_network, strict=True)),
    }
    return render(request, "cases/agreement.html", context)


def _day(text: str) -> dt.date | None:
    try:
        return parse_date(text)
    except ValueError:  # the form of a day, but none: 2026-02-31
        return None

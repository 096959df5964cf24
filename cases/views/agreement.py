"""How well readers, networks and the lesion rule agree: for senior readers and administrators of a clinic."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from cases.choices import IcdrGrade
from cases.forms import AgreementForm
from cases.models import User
from cases.permissions import Action, clinics_where
from cases.selectors.agreement import MOST_READINGS, agreement_of
from cases.selectors.clinic import clinic_first, clinic_get


@login_required
def agreement(request: HttpRequest, clinic_id: int | None = None) -> HttpResponse:
    """The figures of one clinic from ``?since=DAY`` on; without an id, of the first that the person may see."""
    user = cast("User", request.user)
    if clinic_id is None:
        return redirect("cases:agreement", clinic_first(user, Action.COMPARE_READERS).pk)
    clinic = clinic_get(user, clinic_id, Action.COMPARE_READERS)
    form = AgreementForm(request.GET)
    since = form.wanted()
    found = agreement_of(clinic, since=since)
    context = {
        "clinic": clinic,
        "clinics": clinics_where(user, Action.COMPARE_READERS),
        "form": form,
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

"""How a clinic's studies are read, and what follows from the findings: for its administrators."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from cases.models import User
from cases.permissions import Action, clinics_where
from cases.reading_forms import ReadingSettingsForm, rule_forms
from cases.selectors.clinic import clinic_first, clinic_get
from cases.selectors.decision import referral_table
from cases.services.referral_rule import clinic_set_reading, referral_table_set


@login_required
def reading_rules(request: HttpRequest, clinic_id: int | None = None) -> HttpResponse:
    """The page of one clinic; without an id, of the first that the person manages."""
    user = cast("User", request.user)
    if clinic_id is None:
        return redirect("cases:reading_rules", clinic_first(user, Action.MANAGE).pk)
    clinic = clinic_get(user, clinic_id, Action.MANAGE)
    settings_form = ReadingSettingsForm(request.POST or None, instance=clinic)
    rows = rule_forms(referral_table(clinic), request.POST or None)
    if request.method == "POST" and all([settings_form.is_valid(), *(row.is_valid() for row in rows)]):
        with transaction.atomic():
            clinic_set_reading(user=user, clinic=clinic, **settings_form.cleaned_data)
            referral_table_set(user=user, clinic=clinic, table={row.finding: row.rule() for row in rows})
        messages.success(request, _("The changes are saved."))
        return redirect("cases:reading_rules", clinic.pk)
    context = {"clinic": clinic, "form": settings_form, "rows": rows, "clinics": clinics_where(user, Action.MANAGE)}
    return render(request, "cases/reading_rules.html", context)

"""Patients: search, register, change, and one patient's studies."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from cases.choices import Access
from cases.forms import PatientForm
from cases.models import User
from cases.permissions import Action, actions_of, clinics_where
from cases.selectors.patient import patient_get, patients_for
from cases.selectors.work_list import studies_of
from cases.services.history import access_record, access_records
from cases.services.patient import patient_create, patient_update

PATIENTS_PER_PAGE = 25
SUGGESTIONS = 8


@login_required
def patients(request: HttpRequest) -> HttpResponse:
    """All patients of the person's clinics, or those that a search finds."""
    user = cast("User", request.user)
    search = request.GET.get("q", "").strip()
    rows = Paginator(patients_for(user, search=search), PATIENTS_PER_PAGE).get_page(request.GET.get("page"))
    access_records(records=rows, access=Access.LISTED)
    may_register = clinics_where(user, Action.EDIT_PATIENT).exists()
    return render(request, "cases/patients.html", {"rows": rows, "search": search, "may_register": may_register})


@login_required
def patient_search(request: HttpRequest) -> JsonResponse:
    """The first patients that a search finds, for choosing one on the diagnosis page."""
    found = patients_for(cast("User", request.user), search=request.GET.get("q", "").strip())
    shown = list(found[:SUGGESTIONS])
    access_records(records=shown, access=Access.LISTED)
    rows = [
        {
            "id": patient.pk,
            "record_number": patient.record_number,
            "name": patient.name,
            "birth_date": patient.birth_date,
            "clinic": patient.clinic.name,
        }
        for patient in shown
    ]
    return JsonResponse({"patients": rows, "total": found.count()})


@login_required
def patient_new(request: HttpRequest) -> HttpResponse:
    """Register a patient."""
    user = cast("User", request.user)
    if not clinics_where(user, Action.EDIT_PATIENT).exists():
        raise PermissionDenied
    form = PatientForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            patient = patient_create(user=user, clinic=form.cleaned_data["clinic"], **form.patient_fields())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("%(name)s is registered.") % {"name": patient.name})
            return redirect("cases:patient", patient.pk)
    return render(request, "cases/patient_form.html", {"form": form})


@login_required
def patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """One patient and their studies."""
    user = cast("User", request.user)
    shown = patient_get(user, patient_id)
    access_record(record=shown, access=Access.VIEWED)
    studies = Paginator(studies_of(user, shown), PATIENTS_PER_PAGE).get_page(request.GET.get("page"))
    context = {"patient": shown, "studies": studies, "may": actions_of(user, shown.clinic)}
    return render(request, "cases/patient.html", context)


@login_required
def patient_edit(request: HttpRequest, patient_id: int) -> HttpResponse:
    """Change a patient's fields."""
    user = cast("User", request.user)
    shown = patient_get(user, patient_id)
    if Action.EDIT_PATIENT not in actions_of(user, shown.clinic):
        raise PermissionDenied
    form = PatientForm(request.POST or None, instance=shown, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            patient_update(user=user, patient=shown, **form.patient_fields())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The changes are saved."))
            return redirect("cases:patient", shown.pk)
    return render(request, "cases/patient_form.html", {"form": form, "patient": patient_get(user, patient_id)})

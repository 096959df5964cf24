"""The photographs of one visit, what the networks found, and what the reader concludes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from cases.choices import (
    Access,
    Field,
    Gradability,
    IcdrGrade,
    Laterality,
    Lesion,
    MacularOedema,
    QualityVerdict,
    ReportLanguage,
)
from cases.errors import ApplicationError
from cases.forms import SecondOpinionForm, ShareForm
from cases.models import Reading, Study, User
from cases.networks import NetworkChoice, grader_figures, network_choices
from cases.permissions import Action, actions_of, people_who
from cases.selectors.patient import patients_for
from cases.selectors.reading_panel import reading_panel
from cases.selectors.sharing import guest_share, second_opinions, shares_of
from cases.selectors.study import study_header
from cases.services.history import access_record, access_records
from cases.services.reading import Words
from cases.services.study import study_set_patient
from inference.lesions import LESION_COLOURS

PATIENTS_SHOWN = 20


@login_required
def study(request: HttpRequest, study_id: int) -> HttpResponse:
    """The frame of the page; its script reads photographs and results from the API, again whenever they change."""
    user = cast("User", request.user)
    shown = study_header(user, study_id)
    access_record(record=shown, access=Access.VIEWED)
    may = actions_of(user, shown.clinic)
    panel = reading_panel(user, shown, may)
    networks = network_choices(clinic=shown.clinic)
    return render(
        request,
        "cases/study.html",
        {
            "study": shown,
            "patient": shown.patient,
            "may": may,
            "panel": panel,
            "reading_eyes": _eye_labels(),
            "maculas": MacularOedema.choices,
            "gradabilities": Gradability.choices,
            "networks": networks,
            "grader": grader_figures(),
            "grades": IcdrGrade.choices,
            "verdicts": QualityVerdict.choices,
            "report_languages": ReportLanguage.choices,
            "report_language": get_language(),
            "age": shown.patient.age_on(shown.visit_date) if shown.patient else None,
            **_sharing(user, shown, may),
            "queue": request.GET.get("queue", shown.queue),
            "take_in": {shown.clinic_id} if Action.TAKE in may else set(),
            "colleagues": people_who(Action.TAKE, shown.clinic) if _may_hand_over(user, shown, may) else [],
            "page_data": _page_data(user, shown, may, panel.shown, networks),
        },
    )


@login_required
def study_patient(request: HttpRequest, study_id: int) -> HttpResponse:
    """Name the patient of a study that a program uploaded without one."""
    user = cast("User", request.user)
    shown = study_header(user, study_id)
    if Action.EDIT_PATIENT not in actions_of(user, shown.clinic):
        raise PermissionDenied
    search = request.GET.get("q", "").strip()
    patients = patients_for(user, search=search).filter(clinic=shown.clinic)
    if request.method == "POST":
        chosen = request.POST.get("patient", "")
        patient = get_object_or_404(patients, pk=int(chosen) if chosen.isdecimal() else 0)
        try:
            study_set_patient(user=user, study=shown, patient=patient)
        except ApplicationError as error:
            messages.error(request, str(error.message))
        return redirect("cases:study", shown.pk)
    rows = list(patients[:PATIENTS_SHOWN])
    access_records(records=rows, access=Access.LISTED)
    context = {"study": shown, "search": search, "rows": rows}
    return render(request, "cases/study_patient.html", context)


def _eye_labels() -> list[dict[str, str]]:
    """The labels of an eye's fields, for the right eye and the left."""
    return [
        {
            "code": "od",
            "label": str(Laterality.OD.label),
            "grade_label": _("Grade, right eye (OD)"),
            "macula_label": _("Macula, right eye (OD)"),
            "gradability_label": _("Gradability, right eye (OD)"),
        },
        {
            "code": "os",
            "label": str(Laterality.OS.label),
            "grade_label": _("Grade, left eye (OS)"),
            "macula_label": _("Macula, left eye (OS)"),
            "gradability_label": _("Gradability, left eye (OS)"),
        },
    ]


def _may_hand_over(user: User, study: Study, may: frozenset[Action]) -> bool:
    return Action.ASSIGN in may or (Action.TAKE in may and study.assigned_to_id == user.pk)


def _sharing(user: User, study: Study, may: frozenset[Action]) -> dict[str, Any]:
    """Second opinions; for the own clinic with whom the study is shared, for a guest the question."""
    guest = Action.VIEW not in may
    return {
        "second_opinions": second_opinions(user, study),
        "guest_share": guest_share(user, study) if guest else None,
        "opinion_form": SecondOpinionForm() if guest else None,
        "shares": [] if guest else shares_of(user, study),
        "share_form": ShareForm(study=study) if Action.SHARE in may else None,
    }


def _page_data(
    user: User, study: Study, may: frozenset[Action], reading: Reading | None, networks: list[NetworkChoice]
) -> dict[str, Any]:
    return {
        "studyId": study.pk,
        "userId": user.pk,
        "may": sorted(may),
        "lesions": [
            {"code": code, "label": label, "colour": LESION_COLOURS[code]}  # type: ignore[index]
            for code, label in Lesion.choices
        ],
        "grades": [label for _value, label in IcdrGrade.choices],
        "lateralities": Laterality.choices,
        "fields": Field.choices,
        "networks": [{"name": network.name, "label": network.label} for network in networks],
        "loginUrl": reverse("login"),
        "reading": {
            **asdict(Words.of(reading) if reading else Words()),
            "version": f"{reading.kind}-{reading.version}" if reading else "reading-1",
            "saved": reading.updated_at if reading else None,
        },
    }

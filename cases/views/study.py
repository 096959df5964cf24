"""The photographs of one visit, what the networks found, and what the reader concludes."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from cases.choices import Field, IcdrGrade, Laterality, Lesion, ReportLanguage
from cases.models import Reading, Study, User
from cases.networks import NetworkChoice, network_choices
from cases.permissions import Action, actions_of
from cases.selectors import other_readings, reading_of, study_header
from inference.lesions import LESION_COLOURS


@login_required
def study(request: HttpRequest, study_id: int) -> HttpResponse:
    """The frame of the page; its script reads photographs and results from the API, again whenever they change."""
    user = cast("User", request.user)
    shown = study_header(user, study_id)
    may = actions_of(user, shown.clinic)
    reading = reading_of(user, shown)
    networks = network_choices(clinic=shown.clinic)
    return render(
        request,
        "cases/study.html",
        {
            "study": shown,
            "patient": shown.patient,
            "may": may,
            "reading": reading,
            "other_readings": other_readings(user, shown),
            "networks": networks,
            "grades": IcdrGrade.choices,
            "report_languages": ReportLanguage.choices,
            "report_language": get_language(),
            "age": shown.patient.age_on(shown.visit_date) if shown.patient else None,
            "page_data": _page_data(user, shown, may, reading, networks),
        },
    )


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
        "reading": {
            "diagnosis": reading.diagnosis if reading else "",
            "grade_od": reading.grade_od if reading else None,
            "grade_os": reading.grade_os if reading else None,
            "saved": reading.updated_at if reading else None,
        },
    }

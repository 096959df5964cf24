"""What the system is, and the work-list once somebody is logged in."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cases.selectors.work_list import work_list

STUDIES_PER_PAGE = 25


def home(request: HttpRequest) -> HttpResponse:
    """The work-list, or for visitors what the system does and does not do."""
    if not request.user.is_authenticated:
        return about(request)
    search = request.GET.get("q", "").strip()
    studies = Paginator(work_list(request.user, search=search), STUDIES_PER_PAGE).get_page(request.GET.get("page"))
    several_clinics = len({study.clinic_id for study in studies}) > 1
    context = {"studies": studies, "search": search, "with_clinic": several_clinics}
    return render(request, "cases/work_list.html", context)


def about(request: HttpRequest) -> HttpResponse:
    """What the system does and does not do."""
    return render(request, "cases/about.html")

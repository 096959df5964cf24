"""What the system is, and the work-list once somebody is logged in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cases.views.work_list import studies


def home(request: HttpRequest) -> HttpResponse:
    """The work-list, or for visitors what the system does and does not do."""
    return studies(request) if request.user.is_authenticated else about(request)


def about(request: HttpRequest) -> HttpResponse:
    """What the system does and does not do."""
    return render(request, "cases/about.html")

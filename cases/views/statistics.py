"""A clinic's figures, for those who look after it."""

from __future__ import annotations

import csv
import datetime as dt
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.charts import Chart, column_chart
from cases.choices import Lesion
from cases.forms import SpanForm
from cases.models import Clinic, User
from cases.networks import network_label
from cases.permissions import Action, clinics_where
from cases.selectors.clinic import clinic_first, clinic_get
from cases.selectors.statistics import ClinicStatistics, Span, clinic_statistics

DAYS_SHOWN = 180
_DURATIONS = ("count", "middle", "ninth_decile")


@login_required
def statistics(request: HttpRequest) -> HttpResponse:
    """The page; ``?clinic=ID&first=DAY&last=DAY`` chooses, ``&format=csv`` downloads the tables."""
    user = cast("User", request.user)
    clinics = clinics_where(user, Action.MANAGE)
    clinic = _clinic(request, user)
    today = timezone.localdate()
    chosen = SpanForm(request.GET if "first" in request.GET else None)
    if chosen.is_bound and chosen.is_valid():
        span = Span(chosen.cleaned_data["first"], chosen.cleaned_data["last"])
    else:
        span = Span(today - dt.timedelta(days=DAYS_SHOWN), today)
    figures = clinic_statistics(user, clinic, span)
    if request.GET.get("format") == "csv":
        return _download(clinic, span, figures)
    context = {
        "clinics": clinics,
        "clinic": clinic,
        "span": span,
        "form": chosen,
        "figures": figures,
        "lesions": Lesion.choices,
        "volume_chart": _volume_chart(figures),
        "grade_chart": _grade_chart(figures),
        "kappa_chart": _kappa_chart(figures),
    }
    return render(request, "cases/statistics.html", context)


def _clinic(request: HttpRequest, user: User) -> Clinic:
    """The clinic named, or the first that the person manages. Another clinic's is a 404."""
    named = request.GET.get("clinic", "")
    if not named:
        return clinic_first(user, Action.MANAGE)
    return clinic_get(user, int(named) if named.isdecimal() else 0, Action.MANAGE)


def _volume_chart(figures: ClinicStatistics) -> Chart:
    groups = [(f"{row.start:%Y-%m}", (row.studies, row.photographs, row.signed)) for row in figures.months]
    return column_chart((_("Studies"), _("Photographs"), _("Signed readings")), groups)


def _grade_chart(figures: ClinicStatistics) -> Chart:
    """In percent: eyes and photographs are not the same number."""
    signed, given = (sum(getattr(row, name) for row in figures.grades) or 1 for name in ("signed", "network"))
    groups = [
        (str(row.grade.value), (round(100 * row.signed / signed, 1), round(100 * row.network / given, 1)))
        for row in figures.grades
    ]
    return column_chart((_("Signed, % of eyes"), _("Network, % of photographs")), groups)


def _kappa_chart(figures: ClinicStatistics) -> Chart:
    groups = [(f"{row.month:%Y-%m} · {row.version}", (row.kappa and round(row.kappa, 3),)) for row in figures.grading]
    return column_chart((_("Quadratic weighted kappa"),), groups)


def _download(clinic: Clinic, span: Span, figures: ClinicStatistics) -> HttpResponse:
    """One table in long form: whoever calculates further filters it."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"statistics-{clinic.pk}-{span.first:%Y%m%d}-{span.last:%Y%m%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response.write("\ufeff")  # without it, spreadsheets read UTF-8 as something else
    writer = csv.writer(response)
    writer.writerow(("figure", "month", "network", "version", "detail", "value"))
    writer.writerows(row for row in _rows(figures) if row[-1] is not None)
    return response


def _rows(figures: ClinicStatistics) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for month in figures.months:
        rows += [
            (name, f"{month.start:%Y-%m}", "", "", "", getattr(month, name))
            for name in ("studies", "photographs", "signed")
        ]
    for name in ("to_result", "to_signature"):
        durations = getattr(figures, name)
        rows += [(f"seconds_{name}", "", "", "", which, getattr(durations, which)) for which in _DURATIONS]
    rows += [
        (name, "", "", "", "", getattr(figures, name))
        for name in ("judged_photographs", "ungradable_photographs", "signed_eyes", "ungradable_eyes")
    ]
    for grade in figures.grades:
        rows.append(("grade_signed_eyes", "", "", "", grade.grade.value, grade.signed))
        rows.append(("grade_network_photographs", "", "", "", grade.grade.value, grade.network))
    for row in figures.grading:
        of = (f"{row.month:%Y-%m}", network_label(row.network), row.version)
        rows += [("eyes_compared", *of, "", len(row.pairs)), ("quadratic_kappa", *of, "", row.kappa)]
    for row in figures.masks:
        of = (f"{row.month:%Y-%m}", network_label(row.network), row.version)
        rows.append(("masks_corrected", *of, "", row.corrected))
        rows += [("mean_dice", *of, lesion, dice) for lesion, dice in zip(Lesion.values, row.mean_dice, strict=True)]
    return rows

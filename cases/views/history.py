"""Who did, saw and took what: for the administrators of a clinic."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.choices import Access
from cases.forms import HistoryForm
from cases.models import HistoryEntry, Patient, User
from cases.permissions import Action, clinics_where
from cases.selectors.history import history_of
from cases.selectors.patient import patient_get
from cases.services.history import access_records

ENTRIES_PER_PAGE = 50
# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@login_required
def history(request: HttpRequest) -> HttpResponse:
    """The history of the person's clinics, or with ``?patient=ID`` of one patient."""
    form = _form(request)
    user = cast("User", request.user)
    page = Paginator(history_of(user, form.wanted()), ENTRIES_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "cases/history.html", {"form": form, "page": page, "patient": _patient(user, form)})


@login_required
def history_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a table (CSV, UTF-8), all pages of it."""
    form = _form(request)
    user = cast("User", request.user)
    patient = _patient(user, form)
    clinics = clinics_where(user, Action.HISTORY)
    access_records(records=[patient] if patient else list(clinics), access=Access.EXPORTED)
    entries = history_of(user, form.wanted()).iterator(chunk_size=2000)
    response = StreamingHttpResponse(_lines(entries), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="history-{timezone.localdate().isoformat()}.csv"'
    return response


def _form(request: HttpRequest) -> HistoryForm:
    if not clinics_where(cast("User", request.user), Action.HISTORY).exists():
        raise PermissionDenied
    return HistoryForm(request.GET)


def _patient(user: User, form: HistoryForm) -> Patient | None:
    key = form.wanted().patient
    return None if key is None else patient_get(user, key)


class _Echo:
    """What csv writes to: it gives each line back."""

    def write(self, line: str) -> str:
        return line


def _lines(entries: Iterator[HistoryEntry]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff"  # spreadsheets take the file for UTF-8 only with this mark
    yield writer.writerow(
        (_("Time"), _("Person"), _("What"), _("Kind"), _("Record"), _("Changes"), _("By way of"), _("Address"))
    )
    for entry in entries:
        yield writer.writerow(_harmless(cell) for cell in _cells(entry))


def _cells(entry: HistoryEntry) -> tuple[str, ...]:
    return (
        timezone.localtime(entry.timestamp).isoformat(timespec="seconds"),
        entry.actor.username if entry.actor else _("System"),
        entry.what,
        str(entry.content_type.name),
        f"{entry.object_pk} {entry.object_repr}",
        "; ".join(f"{field}: {old} → {new}" for field, old, new in entry.shown_changes),
        " ".join(part for part in (str(entry.get_via_display()), entry.token_name) if part),
        entry.remote_addr or "",
    )


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell

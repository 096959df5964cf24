"""The work-list: queues, what narrows them, whose turn it is, and who works on what."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cases.choices import Access, StudyQueue
from cases.errors import ApplicationError
from cases.forms import WorkListForm
from cases.models import User
from cases.permissions import Action, clinics_where
from cases.selectors.study import study_header
from cases.selectors.work_list import (
    LONGEST,
    SHARED,
    next_in_queue,
    queue_counts,
    shared_count,
    work_list,
    work_list_rows,
)
from cases.services.assignment import study_hand_over, study_release, study_take
from cases.services.history import access_records

STUDIES_PER_PAGE = 25


@login_required
def studies(request: HttpRequest) -> HttpResponse:
    """One queue at a time, urgent first; its script reads the page again whenever something changes."""
    user = cast("User", request.user)
    query = request.GET.copy()
    query.setdefault("queue", StudyQueue.TO_READ)
    form = WorkListForm(query)
    wanted = form.wanted()
    keys = work_list(user, wanted)
    page = Paginator(keys[:LONGEST], STUDIES_PER_PAGE).get_page(query.get("page"))
    rows = work_list_rows(user, list(page.object_list))
    access_records(records=[study.patient for study in rows if study.patient], access=Access.LISTED)
    counts = queue_counts(user)
    return render(
        request,
        "cases/work_list.html",
        {
            "form": form,
            "queue": wanted.queue,
            "counts": counts,
            "in_queue": next((count.number for count in counts if count.queue == wanted.queue), None),
            "shared": shared_count(user),
            "total": sum(count.number for count in counts),
            "page": page,
            "studies": rows,
            "cut_off": len(keys) > LONGEST,
            "longest": LONGEST,
            "take_in": set(clinics_where(user, Action.TAKE).values_list("pk", flat=True)),
            "with_clinic": len({study.clinic_id for study in rows}) > 1,
        },
    )


@login_required
def next_study(request: HttpRequest) -> HttpResponseRedirect:
    """Go to the next study of ``?queue=``, after ``?after=ID`` where that is given."""
    user = cast("User", request.user)
    queue = request.GET.get("queue", StudyQueue.TO_READ)
    after = request.GET.get("after", "")
    current = study_header(user, int(after)) if after.isdecimal() else None
    found = next_in_queue(user, queue, after=current)
    if found is None:
        messages.info(request, _("There is no other study in this queue that nobody else has taken."))
        return redirect(
            f"{reverse('cases:home')}?queue={queue if queue in (*StudyQueue, SHARED) else StudyQueue.TO_READ}"
        )
    return redirect(f"{reverse('cases:study', args=[found.pk])}?queue={queue}")


@login_required
@require_POST
def assign(request: HttpRequest, study_id: int) -> HttpResponseRedirect:
    """Take a study, hand it over (``to``), or give it back; then go on where the form says (``next``)."""
    user = cast("User", request.user)
    study = study_header(user, study_id)
    try:
        match request.POST.get("act"):
            case "take":
                study_take(user=user, study=study)
            case "release":
                study_release(user=user, study=study)
            case _:
                to = request.POST.get("to", "")
                colleague = get_object_or_404(User, pk=int(to) if to.isdecimal() else 0)
                study_hand_over(user=user, study=study, to=colleague)
    except ApplicationError as error:
        messages.error(request, str(error.message))
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(target if safe else reverse("cases:study", args=[study.pk]))

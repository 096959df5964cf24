"""A study shared with another clinic, and what that clinic says of it."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cases.errors import ApplicationError
from cases.forms import SecondOpinionForm, ShareForm
from cases.models import User
from cases.selectors.sharing import share_get
from cases.selectors.study import study_header
from cases.services.sharing import second_opinion_give, study_share, study_share_revoke


@login_required
@require_POST
def share(request: HttpRequest, study_id: int) -> HttpResponseRedirect:
    """Share a study."""
    user = cast("User", request.user)
    study = study_header(user, study_id)
    form = ShareForm(request.POST, study=study)
    if _checked(request, form):
        try:
            made = study_share(user=user, study=study, **form.cleaned_data)
        except ApplicationError as error:
            messages.error(request, str(error.message))
        else:
            messages.success(request, _("Readers of %(clinic)s see this study now.") % {"clinic": made.clinic.name})
    return redirect("cases:study", study.pk)


@login_required
@require_POST
def revoke(request: HttpRequest, share_id: int) -> HttpResponseRedirect:
    """Hide a shared study again."""
    user = cast("User", request.user)
    found = share_get(user, share_id)
    try:
        study_share_revoke(user=user, share=found)
    except ApplicationError as error:
        messages.error(request, str(error.message))
    return redirect("cases:study", found.study_id)


@login_required
@require_POST
def opinion(request: HttpRequest, study_id: int) -> HttpResponseRedirect:
    """Say something of another clinic's study."""
    user = cast("User", request.user)
    study = study_header(user, study_id)
    form = SecondOpinionForm(request.POST)
    if _checked(request, form):
        try:
            second_opinion_give(user=user, study=study, **form.cleaned_data)
        except ApplicationError as error:
            messages.error(request, str(error.message))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, _("Your opinion is sent to %(clinic)s.") % {"clinic": study.clinic.name})
    return redirect("cases:study", study.pk)


def _checked(request: HttpRequest, form: Form) -> bool:
    for field, faults in form.errors.items():
        label = form.fields[field].label if field in form.fields else ""
        messages.error(request, f"{label}: {' '.join(map(str, faults))}")
    return form.is_valid()

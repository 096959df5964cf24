"""Versions of the networks: which are installed, which is active, and what changes on a study's photographs."""

from __future__ import annotations

from typing import IO, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cases.errors import ApplicationError
from cases.models import NetworkActivation, Study, User
from cases.networks import network_choices, network_label, version_entries
from cases.permissions import Action, actions_of, clinics_where
from cases.selectors.clinic import clinic_get
from cases.selectors.comparison import study_comparison
from cases.selectors.network_version import KnownVersion, known_versions
from cases.selectors.study import study_header
from cases.services.clinic import clinic_set_default_network
from cases.services.network_version import (
    network_version_activate,
    network_version_install,
    network_version_retire,
    network_version_roll_back,
)
from cases.services.prediction import prediction_compare
from inference.installation import MAX_MODEL_MB

CHANGES_SHOWN = 30


@login_required
def networks(request: HttpRequest) -> HttpResponse:
    """Every version with its card; the defaults of the clinics that the person manages."""
    user = cast("User", request.user)
    clinics = list(clinics_where(user, Action.MANAGE))
    if not (clinics or user.is_superuser):
        raise PermissionDenied
    context = {
        "networks": version_entries(),
        "clinics": clinics,
        "choices": network_choices(),
        "changes": NetworkActivation.objects.select_related("activated_by")[:CHANGES_SHOWN],
        "max_model_mb": MAX_MODEL_MB,
    }
    return render(request, "cases/networks.html", context)


@login_required
@require_POST
def network_install(request: HttpRequest) -> HttpResponse:
    """Check and keep an uploaded model."""
    user = cast("User", request.user)
    if not user.is_superuser:
        raise PermissionDenied
    try:
        if (model := request.FILES.get("model")) is None:
            raise ApplicationError("no_file", _("Choose a zip or tar file with card.json and model.safetensors."))
        row = network_version_install(user=user, source=cast("IO[bytes]", model.file))
    except ApplicationError as error:
        return _refused(request, error)
    messages.success(
        request, _("%(version)s is installed. It answers no requests before it is activated.") % {"version": row}
    )
    return redirect("cases:networks")


@login_required
@require_POST
def network_change(request: HttpRequest) -> HttpResponse:
    """Activate, retire or roll back."""
    user = cast("User", request.user)
    if not user.is_superuser:
        raise PermissionDenied
    name, sha256 = request.POST.get("name", ""), request.POST.get("sha256", "")
    try:
        match request.POST.get("change"):
            case "activate":
                network_version_activate(user=user, name=name, sha256=sha256)
            case "retire":
                network_version_retire(user=user, name=name, sha256=sha256)
            case "roll_back":
                network_version_roll_back(user=user, name=name)
            case _:
                raise Http404
    except ApplicationError as error:
        return _refused(request, error)
    messages.success(request, _("Done. The next photograph is analysed accordingly."))
    return redirect("cases:networks")


@login_required
@require_POST
def network_default(request: HttpRequest, clinic_id: int) -> HttpResponse:
    """Choose a clinic's default network."""
    user = cast("User", request.user)
    clinic = clinic_get(user, clinic_id, Action.MANAGE)
    try:
        clinic_set_default_network(user=user, clinic=clinic, name=request.POST.get("name", ""))
    except ApplicationError as error:
        return _refused(request, error)
    messages.success(request, _("The default network is changed."))
    return redirect("cases:networks")


@login_required
def study_versions(request: HttpRequest, study_id: int) -> HttpResponse:
    """What holds of a study beside what another version says of it; a POST has that version analyse the photographs."""
    user = cast("User", request.user)
    study = study_header(user, study_id)
    may = actions_of(user, study.clinic)
    versions = [version for version in known_versions() if version.can_run]
    chosen = next((each for each in versions if each.key == request.GET.get("version")), None)
    if request.method == "POST":
        if Action.ANALYSE not in may:
            raise PermissionDenied
        if chosen is None:
            raise Http404
        return _rerun(request, user, study, chosen)
    return render(
        request,
        "cases/study_versions.html",
        {
            "study": study,
            "may_analyse": Action.ANALYSE in may,
            "versions": [(each, network_label(each.name)) for each in versions],
            "chosen": chosen,
            "rows": study_comparison(user, study, name=chosen.name, sha256=chosen.sha256) if chosen else [],
        },
    )


def _rerun(request: HttpRequest, user: User, study: Study, version: KnownVersion) -> HttpResponse:
    try:
        for row in study_comparison(user, study, name=version.name, sha256=version.sha256):
            model_name = row.base.model_name if row.base else settings.DRWEB_DEFAULT_MODEL
            prediction_compare(
                user=user, image=row.image, model_name=model_name, name=version.name, sha256=version.sha256
            )
    except ApplicationError as error:
        messages.error(request, str(error.message))
    else:
        messages.success(request, _("The photographs are being analysed. The results appear on this page."))
    return redirect(f"{reverse('cases:study_versions', args=[study.pk])}?version={version.key}")


def _refused(request: HttpRequest, error: ApplicationError) -> HttpResponse:
    messages.error(request, str(error.message))
    return redirect("cases:networks")

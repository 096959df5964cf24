"""Online diagnosis: whose eyes, on which day, which photographs, by which network."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cases.choices import Field, Laterality
from cases.errors import ApplicationError
from cases.forms import PatientForm, VisitForm
from cases.models import Clinic, Patient, Study, User
from cases.networks import network_choices
from cases.permissions import Action, clinics_where
from cases.selectors.patient import patient_get
from cases.selectors.study import study_header
from cases.services.examination import examination_start
from cases.views.answers import error_answer, login_needed

NEW_PATIENT = "new"  # prefix of the new patient's fields


@login_required
def diagnosis(request: HttpRequest) -> HttpResponse:
    """The page; ``?study=ID`` adds photographs to a study, ``?patient=ID`` starts with a patient chosen."""
    user = cast("User", request.user)
    study, patient = _named(request, user)
    clinics = list(clinics_where(user, Action.UPLOAD))
    if not clinics or (study and study.clinic not in clinics):
        raise PermissionDenied
    default = _clinic_of(study, patient, clinics)
    return render(
        request,
        "cases/diagnosis.html",
        {
            "study": study,
            "patient": patient,
            "visit_form": VisitForm(user=user),
            "patient_form": PatientForm(user=user, prefix=NEW_PATIENT),
            "networks": network_choices(clinic=default),
            "page_data": {
                "maxUploadBytes": settings.DRWEB_MAX_UPLOAD_MB * 1024 * 1024,
                "maxUploadMb": settings.DRWEB_MAX_UPLOAD_MB,
                "studyId": study.pk if study else None,
                "lateralities": Laterality.choices,
                "fields": Field.choices,
            },
            "max_upload_mb": settings.DRWEB_MAX_UPLOAD_MB,
            "max_megapixels": settings.DRWEB_MAX_PIXELS // 1_000_000,
        },
    )


@require_POST
def diagnosis_start(request: HttpRequest) -> JsonResponse:
    """Open the study, with its patient where they are new; photographs follow one by one through the API."""
    if (refusal := login_needed(request)) is not None:
        return refusal
    user = cast("User", request.user)
    visit = VisitForm(request.POST, user=user)
    new_patient = PatientForm(request.POST, user=user, prefix=NEW_PATIENT)
    is_new = request.POST.get("whose") == VisitForm.NEW
    if not visit.is_valid() or (is_new and not new_patient.is_valid()):
        return _invalid(visit, new_patient if is_new else None)
    try:
        study = examination_start(
            user=user,
            visit_date=visit.cleaned_data["visit_date"],
            patient=None if is_new else visit.cleaned_data["patient"],
            clinic=new_patient.cleaned_data["clinic"] if is_new else None,
            new_patient=new_patient.patient_fields() if is_new else None,
        )
    except ValidationError as error:
        new_patient.add_error(None, error)
        return _invalid(visit, new_patient)
    except ApplicationError as error:
        return error_answer(error.status, error.code, str(error.message), error.details)
    return JsonResponse(
        {"study_id": study.pk, "study_url": reverse("cases:study", args=[study.pk]), "patient": str(study.patient)}
    )


def _named(request: HttpRequest, user: User) -> tuple[Study | None, Patient | None]:
    """The study and patient in the query string. Raises `Http404` for another clinic's and for what is no number."""
    try:
        study_id, patient_id = (int(request.GET.get(name) or 0) for name in ("study", "patient"))
    except ValueError:
        raise Http404 from None
    study = study_header(user, study_id) if study_id else None
    if study is not None:
        return study, study.patient
    return None, patient_get(user, patient_id) if patient_id else None


def _clinic_of(study: Study | None, patient: Patient | None, clinics: list[Clinic]) -> Clinic:
    if study is not None:
        return study.clinic
    return patient.clinic if patient is not None else clinics[0]


def _invalid(visit: VisitForm, new_patient: PatientForm | None) -> JsonResponse:
    details = {name: list(errors) for name, errors in visit.errors.items()}
    if new_patient is not None:
        details |= {new_patient.add_prefix(name): list(errors) for name, errors in new_patient.errors.items()}
    return error_answer(
        HTTPStatus.BAD_REQUEST, "invalid", _("Some fields are missing or wrong; see the notes beside them."), details
    )

"""The administration: useful for people and clinics, read-only for history, closed to everybody else."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from cases.models import (
    ApiToken,
    HistoryEntry,
    LesionResult,
    MaskAgreement,
    MaskRevision,
    NetworkActivation,
    NetworkVersion,
    Prediction,
    Reading,
    ReferralRule,
    Report,
    SecondOpinion,
    StudyShare,
)
from cases.services.overlay import prediction_overlay
from cases.services.worker import worker_seen
from tests.factories import (
    ClinicFactory,
    MaskRevisionFactory,
    ReadingFactory,
    ReportFactory,
    SecondOpinionFactory,
    UserFactory,
    staffed_clinic,
)

pytestmark = pytest.mark.django_db

HISTORY = (HistoryEntry, LesionResult, MaskRevision, Prediction, Reading, Report, SecondOpinion, StudyShare)


@pytest.fixture
def administrator(client):
    user = UserFactory(username="root", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def of_cases():
    return [model for model in apps.get_app_config("cases").get_models() if admin.site.is_registered(model)]


def test_everything_of_a_clinic_is_there():
    assert set(of_cases()) == set(apps.get_app_config("cases").get_models())


@pytest.mark.parametrize("model", of_cases(), ids=lambda model: model.__name__)
def test_list_search_and_detail_open(client, administrator, model):
    staff = staffed_clinic()
    MaskRevisionFactory(prediction=staff.prediction)
    ReadingFactory(study=staff.study)
    ReportFactory(study=staff.study)
    SecondOpinionFactory(share__study=staff.study)
    ApiToken.objects.create(user=staff.reader, name="camera")
    reading = ReadingFactory(study=staff.study)
    MaskAgreement.objects.create(
        reading=reading, image=staff.image, lesion="EX", area_px=1, other_area_px=1, common_px=1
    )
    ReferralRule.objects.create(clinic=staff.clinic, finding="grade_0", referral=0, months=24)
    NetworkVersion.objects.create(name="unet", version="2", sha256="0" * 64, card={})
    NetworkActivation.objects.create(name="unet", version="2", sha256="0" * 64)
    worker_seen(name="worker", processors=["cpu"], networks={}, started_at=timezone.now())
    name = f"admin:cases_{model._meta.model_name}"
    assert client.get(reverse(f"{name}_changelist"), {"q": "1"}).status_code == 200
    row = model._default_manager.first()
    assert client.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200


@pytest.mark.parametrize("model", HISTORY, ids=lambda model: model.__name__)
def test_history_cannot_be_written(client, administrator, model):
    staff = staffed_clinic()
    MaskRevisionFactory(prediction=staff.prediction)
    ReadingFactory(study=staff.study)
    ReportFactory(study=staff.study)
    SecondOpinionFactory(share__study=staff.study)
    row = model._default_manager.first()
    name = f"admin:cases_{model._meta.model_name}"
    assert client.get(reverse(f"{name}_add")).status_code == 403
    assert client.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
    assert client.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    client.post(
        reverse(f"{name}_changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    )
    assert model._default_manager.filter(pk=row.pk).exists()


def test_files_are_not_linked(client, administrator):
    staff = staffed_clinic()
    page = client.get(reverse("admin:cases_image_change", args=[staff.image.pk])).content.decode()
    assert staff.image.original.name not in page
    overlay = prediction_overlay(prediction=staff.prediction)
    page = client.get(reverse("admin:cases_prediction_change", args=[staff.prediction.pk])).content.decode()
    assert overlay.name not in page


def test_token_can_be_revoked_but_not_made_or_changed(client, administrator):
    row = ApiToken.objects.create(user=UserFactory(), name="camera")[0]
    assert client.get(reverse("admin:cases_apitoken_add")).status_code == 403
    assert client.post(reverse("admin:cases_apitoken_change", args=[row.pk]), {"name": "x"}).status_code == 403
    client.post(reverse("admin:cases_apitoken_delete", args=[row.pk]), {"post": "yes"})
    assert not ApiToken.objects.exists()


def test_member_of_a_clinic_is_turned_away(client):
    client.force_login(staffed_clinic().clinicadmin)
    assert client.get(reverse("admin:index")).status_code == 302


def test_user_is_added_with_password_and_given_a_role(client, administrator):
    clinic = ClinicFactory()
    answer = client.post(
        reverse("admin:cases_user_add"),
        {"username": "new", "password1": "seven purple lanterns", "password2": "seven purple lanterns",
         "usable_password": "true",
         "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0},
    )  # fmt: skip
    assert answer.status_code == 302
    user = type(administrator).objects.get(username="new")
    assert user.check_password("seven purple lanterns")
    fields = {
        "username": "new", "language": "zh-hans", "is_active": "on",
        "memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 0,
        "memberships-0-user": user.pk, "memberships-0-clinic": clinic.pk, "memberships-0-role": "reader",
    }  # fmt: skip
    answer = client.post(reverse("admin:cases_user_change", args=[user.pk]), fields)
    assert answer.status_code == 302, answer.context["errors"]
    assert user.memberships.get().clinic == clinic

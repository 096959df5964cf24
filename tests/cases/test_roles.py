"""The matrix of docs/workflow.md, held against the code: what it says of each role is what services and pages do."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases.choices import Laterality, Lesion, PredictionState, Role
from cases.errors import ApplicationError, NotAllowed
from cases.models import Study, User
from cases.permissions import Action, actions_of, guest_actions_of
from cases.selectors.study import study_get
from cases.services.assignment import study_release, study_take
from cases.services.image import image_update
from cases.services.mask_revision import mask_revision_create
from cases.services.patient import patient_update
from cases.services.prediction import prediction_retry
from cases.services.reading import Words, adjudication_start, reading_save
from cases.services.report import report_create
from cases.services.sharing import second_opinion_give, study_share
from tests.conftest import REPOSITORY
from tests.factories import PredictionFactory, Staff, StudyFactory, UserFactory, mask_png, staffed_clinic

pytestmark = pytest.mark.django_db

COLUMNS = (*Role.values, "system_admin")
ROW = re.compile(r"^\| `(\w+)`: [^|]+\|(.+)\|$", re.MULTILINE)


def documented() -> dict[str, dict[str, set[str]]]:
    """By action and role: {"yes"} in the own clinic, {"guest"} where a study is shared with it, both, or nothing."""
    text = (REPOSITORY / "docs" / "workflow.md").read_text(encoding="utf-8")
    table = {}
    for action, cells in ROW.findall(text):
        words = [set(cell.strip().split(", ")) for cell in cells.split("|")]
        assert len(words) == len(COLUMNS), action
        assert all(cell in ({"yes"}, {"guest"}, {"yes", "guest"}, {"no"}) for cell in words), action
        table[action] = dict(zip(COLUMNS, words, strict=True))
    return table


TABLE = documented()


def person(staff: Staff, role: str) -> User:
    return UserFactory(is_superuser=True) if role == "system_admin" else staff.by_role()[role]


def shared(staff: Staff, guest: Staff) -> Study:
    study_share(
        user=staff.senior,
        study=staff.study,
        clinic=guest.clinic,
        purpose="Treatable?",
        until=timezone.localdate() + timedelta(days=1),
    )
    return staff.study


def report(user: User, staff: Staff) -> None:
    """Of an empty study: refused for want of a photograph only where the person may make reports at all."""
    report_create(user=user, study=StudyFactory(clinic=staff.clinic))


def release(user: User, staff: Staff) -> None:
    study = StudyFactory(clinic=staff.clinic, assigned_to=UserFactory())
    study_release(user=user, study=study)


def retry(user: User, staff: Staff) -> None:
    failed = PredictionFactory(image=staff.image, model_name="manet", state=PredictionState.FAILED)
    prediction_retry(user=user, prediction=failed)


def share(user: User, staff: Staff) -> None:
    study_share(user=user, study=staff.study, clinic=staff.clinic, purpose="?", until=timezone.localdate())


# What each action stands for: a call that reaches a service or page with everything right but the person.
DOES: dict[str, Callable[[User, Staff], object]] = {
    Action.VIEW: lambda user, staff: study_get(user, staff.study.pk),
    Action.EDIT_PATIENT: lambda user, staff: patient_update(user=user, patient=staff.study.patient, name="Other"),
    Action.UPLOAD: lambda user, staff: image_update(
        user=user, image=staff.image, laterality=Laterality.OD, field="macula"
    ),
    Action.ANALYSE: retry,
    Action.TAKE: lambda user, staff: study_take(user=user, study=staff.study),
    Action.CORRECT: lambda user, staff: mask_revision_create(
        user=user, image=staff.image, lesion=Lesion.EX, content=mask_png()
    ),
    Action.READ: lambda user, staff: reading_save(user=user, study=staff.study, words=Words()),
    Action.ADJUDICATE: lambda user, staff: adjudication_start(user=user, study=staff.study),
    Action.REPORT: report,
    Action.ASSIGN: release,
    Action.SHARE: share,
    Action.ADVISE: lambda user, staff: second_opinion_give(user=user, study=staff.study, text="Wait."),
}


def allowed(action: str, user: User, staff: Staff) -> bool:
    try:
        DOES[action](user, staff)
    except (NotAllowed, Http404):
        return False
    except ApplicationError:
        return True  # refused for another reason, which only those come to who may
    return True


def test_the_document_has_every_action_and_no_other():
    assert set(TABLE) == set(Action)


@pytest.mark.parametrize("role", COLUMNS)
def test_the_code_says_the_same(role: str):
    staff, other, host = staffed_clinic(), staffed_clinic(), staffed_clinic()
    user = person(staff, role)
    says = {word: {action for action, roles in TABLE.items() if word in roles[role]} for word in ("yes", "guest")}
    assert actions_of(user, staff.clinic) == says["yes"]
    assert actions_of(user, other.clinic) == (says["yes"] if role == "system_admin" else set())
    assert guest_actions_of(user, host.study) == set()
    assert guest_actions_of(user, shared(host, staff)) == says["guest"]


@pytest.mark.parametrize("action", DOES)
@pytest.mark.parametrize("role", COLUMNS)
def test_services_do_the_same(action: str, role: str):
    staff, other, host = staffed_clinic(), staffed_clinic(), staffed_clinic()
    shared(host, staff)
    user = person(staff, role)
    cell = TABLE[action][role]
    everywhere = role == "system_admin"
    assert allowed(action, user, staff) is ("yes" in cell)
    assert allowed(action, user, other) is (everywhere and "yes" in cell)
    assert allowed(action, user, host) is ("guest" in cell or (everywhere and "yes" in cell))


@pytest.mark.parametrize("role", COLUMNS)
def test_the_page_of_the_history_too(role: str, client: Client):
    client.force_login(person(staffed_clinic(), role))
    status = client.get(reverse("cases:history")).status_code
    assert status == (200 if "yes" in TABLE[Action.HISTORY][role] else 403)

"""`manage.py create_token`."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from cases.models import ApiToken
from cases.services.api_token import api_token_revoke
from tests.factories import Staff, UserFactory

pytestmark = pytest.mark.django_db


def created(*arguments: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    call_command("create_token", *arguments, stdout=out, stderr=err)
    assert out.getvalue().strip() not in err.getvalue()
    return out.getvalue()


def test_the_token_stands_alone_on_stdout_and_works(staff: Staff):
    printed = created(staff.reader.username, "--name", "screening van", "--days", "7")
    assert printed.endswith("\n")
    token = printed.strip()
    assert token.split() == [token]
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    assert client.get(f"/api/studies/{staff.study.pk}").status_code == 200
    row = ApiToken.objects.get()
    assert (row.user, row.name) == (staff.reader, "screening van")
    assert abs(row.expiry - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
    api_token_revoke(token=row)
    assert client.get(f"/api/studies/{staff.study.pk}").status_code == 401


def test_the_database_keeps_no_token(staff: Staff):
    token = created(staff.reader.username).strip()
    row = ApiToken.objects.get()
    assert token not in {row.digest, row.token_key}
    assert abs(row.expiry - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)


def test_one_person_may_have_several(staff: Staff):
    assert created(staff.reader.username) != created(staff.reader.username)
    assert ApiToken.objects.count() == 2


def test_an_expired_token_is_refused_and_goes_with_the_next_that_is_made(staff: Staff):
    token = created(staff.reader.username).strip()
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    refused = client.get(f"/api/studies/{staff.study.pk}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_token")
    created(staff.senior.username)
    assert ApiToken.objects.count() == 2
    created(staff.reader.username)
    assert ApiToken.objects.filter(user=staff.reader).count() == 1


@pytest.mark.parametrize(
    "arguments", [["nobody"], ["asleep"], ["awake", "--days", "0"], ["awake", "--name", "x" * 101]]
)
def test_what_cannot_be_done_is_said(arguments: list[str]):
    UserFactory(username="asleep", is_active=False)
    UserFactory(username="awake")
    with pytest.raises(CommandError):
        created(*arguments)
    assert not ApiToken.objects.exists()

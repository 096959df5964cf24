"""Guessing passwords is stopped for the guesser, and for nobody else."""

import pytest
from django.urls import reverse

from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _guarded(settings):
    settings.AXES_ENABLED = True
    settings.AXES_FAILURE_LIMIT = 3


def log_in(client, username, password, address="10.0.0.1"):
    data = {"username": username, "password": password}
    return client.post(reverse("login"), data, REMOTE_ADDR=address)


def guess(client, username, times=3):
    return [log_in(client, username, f"wrong-{number}") for number in range(times)]


def test_after_too_many_failures_the_right_password_is_refused_too(client):
    user = UserFactory()
    assert guess(client, user.username)[-1].status_code == 429
    answer = log_in(client, user.username, PASSWORD)
    assert answer.status_code == 429
    assert "_auth_user_id" not in client.session


def test_a_failure_too_few_locks_nobody(client):
    user = UserFactory()
    guess(client, user.username, times=2)
    assert log_in(client, user.username, PASSWORD).status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_owner_can_still_log_in_from_elsewhere(client):
    user = UserFactory()
    guess(client, user.username)
    assert log_in(client, user.username, PASSWORD, address="10.0.0.2").status_code == 302

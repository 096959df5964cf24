"""Logging in and out, the password, the language, and the pages of failure."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


def test_login_leads_to_the_page_that_was_asked_for(client):
    UserFactory(username="lin")
    answer = client.post(
        reverse("login"), {"username": "lin", "password": PASSWORD, "next": reverse("password_change")}, follow=True
    )
    assert answer.redirect_chain == [(reverse("password_change"), 302)]
    assert answer.context["user"].username == "lin"


def test_login_never_leads_to_another_site(client):
    UserFactory(username="lin")
    answer = client.post(reverse("login"), {"username": "lin", "password": PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == reverse("cases:home")


def test_wrong_password_says_so_and_keeps_the_name(client):
    UserFactory(username="lin")
    answer = client.post(reverse("login"), {"username": "lin", "password": "guess"})
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert 'value="lin"' in answer.content.decode()


def test_logout_needs_post(client):
    client.force_login(UserFactory())
    assert client.get(reverse("logout")).status_code == 405
    assert client.post(reverse("logout"))["Location"] == reverse("cases:home")
    assert "_auth_user_id" not in client.session


def test_password_change(client):
    user = UserFactory()
    client.force_login(user)
    new = "seven purple lanterns"
    answer = client.post(
        reverse("password_change"), {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    )
    assert answer["Location"] == reverse("password_change_done")
    assert client.get(reverse("password_change_done")).status_code == 200
    user.refresh_from_db()
    assert user.check_password(new)


def test_language_is_remembered_on_the_user_and_in_the_browser(client):
    user = UserFactory()
    client.force_login(user)
    answer = client.post(reverse("set_language"), {"language": "zh-hans", "next": "/"})
    assert answer["Location"] == "/"
    assert answer.cookies[settings.LANGUAGE_COOKIE_NAME].value == "zh-hans"
    user.refresh_from_db()
    assert user.language == "zh-hans"
    assert 'lang="zh-hans"' in client.get("/").content.decode()


def test_unknown_language_changes_nothing(client):
    user = UserFactory(language="en")
    client.force_login(user)
    client.post(reverse("set_language"), {"language": "xx", "next": "/"})
    user.refresh_from_db()
    assert user.language == "en"


def test_login_brings_back_the_language_of_the_person(client):
    UserFactory(username="lin", language="zh-hans")
    answer = client.post(reverse("login"), {"username": "lin", "password": PASSWORD})
    assert answer.cookies[settings.LANGUAGE_COOKIE_NAME].value == "zh-hans"


def test_visitor_may_choose_a_language(client):
    client.post(reverse("set_language"), {"language": "zh-hans", "next": "/"})
    assert 'lang="zh-hans"' in client.get("/").content.decode()


def test_unknown_address_is_our_own_page(client):
    answer = client.get("/nothing/here/")
    assert answer.status_code == 404
    assert "Page not found" in answer.content.decode()


def test_forged_form_is_our_own_page():
    answer = Client(enforce_csrf_checks=True).post(reverse("login"), {"username": "a", "password": "b"})
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()


def test_server_error_page_needs_no_database(rf, django_db_blocker):
    from django.views.defaults import server_error

    with django_db_blocker.block():
        answer = server_error(rf.get("/"))
    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()


def test_pages_carry_no_inline_script_or_style(client):
    client.force_login(UserFactory())
    page = client.get("/").content.decode()
    assert "<style" not in page
    assert " style=" not in page
    assert "onclick" not in page

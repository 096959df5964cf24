"""Logging in and out, the password, the language."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import check_for_language
from django.views.decorators.http import require_POST
from django.views.i18n import LANGUAGE_QUERY_PARAMETER
from django.views.i18n import set_language as django_set_language

from cases.models import User
from cases.services.user import user_set_language


class Login(auth_views.LoginView):
    """Log in, and go on in the language the person chose last time."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        language = getattr(form.get_user(), "language", "")
        if language:
            response.set_cookie(
                settings.LANGUAGE_COOKIE_NAME, language, secure=settings.LANGUAGE_COOKIE_SECURE, samesite="Lax"
            )
        return response


class Logout(auth_views.LogoutView):
    """Log out; answers to POST only, so that no picture or link elsewhere can do it."""


class PasswordChange(auth_views.PasswordChangeView):
    """Change one's own password."""

    template_name = "accounts/password_change.html"


class PasswordChangeDone(auth_views.PasswordChangeDoneView):
    """Say that the password was changed."""

    template_name = "accounts/password_change_done.html"


@require_POST
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Django's own switch (a cookie, then back to the page), which also remembers the choice for the person."""
    language = request.POST.get(LANGUAGE_QUERY_PARAMETER, "")
    if isinstance(request.user, User) and check_for_language(language) and language in dict(settings.LANGUAGES):
        user_set_language(user=request.user, language=language)
    return django_set_language(request)

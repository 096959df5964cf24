"""Who asks: a token (external programs) or a session (the pages)."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from cases.models import ApiToken


class TokenAuthentication(KnoxTokenAuthentication):
    """``Authorization: Token ...``; whatever is wrong with a token is told in one way."""

    def authenticate_credentials(self, token: bytes) -> tuple:
        """Return (user, token row). Raises `AuthenticationFailed` (401) for unknown, expired or revoked tokens."""
        try:
            return super().authenticate_credentials(token)
        except (exceptions.AuthenticationFailed, UnicodeDecodeError):
            raise exceptions.AuthenticationFailed(
                _("This token is unknown, expired or revoked. Ask for a new one."), code="invalid_token"
            ) from None

    def _cleanup_token(self, auth_token: ApiToken) -> bool:
        """Whether the token has expired. Knox would look for all expired tokens of the person, at every request."""
        return auth_token.expiry is not None and auth_token.expiry < timezone.now()


class SessionAuthentication(authentication.SessionAuthentication):
    """The pages' own session; whatever changes something needs the CSRF token as well."""

    def enforce_csrf(self, request: Request) -> None:
        """Raise `PermissionDenied` with a code that a page can tell from a missing right."""
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise exceptions.PermissionDenied(
                _("The request lacks a valid CSRF token. Reload the page and try again."), code="csrf_failed"
            ) from error


class TokenScheme(KnoxTokenScheme):
    """How tokens are described in the schema."""

    target_class = "cases.api.authentication.TokenAuthentication"
    name = "token"


class CookieScheme(SessionScheme):
    """How sessions are described in the schema."""

    target_class = "cases.api.authentication.SessionAuthentication"
    name = "session"

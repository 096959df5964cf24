"""What views take from a request."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar, cast

from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from cases.errors import ApplicationError
from cases.models import User

Input = TypeVar("Input", bound=Serializer)


class LengthRequired(ApplicationError):
    """The body came in pieces of unknown number, which Django reads as an empty one."""

    status = HTTPStatus.LENGTH_REQUIRED


def caller(request: Request) -> User:
    """Who asks; never anonymous, since every endpoint with a caller is behind `IsAuthenticated`."""
    return cast(User, request.user)


def parsed(kind: type[Input], request: Request) -> Input:
    """The request's body, checked.

    Raises `ValidationError` with the problems of each field, `LengthRequired` for a body of unknown length.
    """
    if not request.headers.get("Content-Length") and "Transfer-Encoding" in request.headers:
        raise LengthRequired(
            "length_required", _("Send the request with a Content-Length, not in chunks (Transfer-Encoding: chunked).")
        )
    data = kind(data=request.data, context={"request": request})
    data.is_valid(raise_exception=True)
    return data

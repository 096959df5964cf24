"""What views take from a request."""

from __future__ import annotations

from typing import TypeVar, cast

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from cases.models import User

Input = TypeVar("Input", bound=Serializer)


def caller(request: Request) -> User:
    """Who asks; never anonymous, since every endpoint with a caller is behind `IsAuthenticated`."""
    return cast(User, request.user)


def parsed(kind: type[Input], request: Request) -> Input:
    """The request's body, checked. Raises `ValidationError` with the problems of each field."""
    data = kind(data=request.data, context={"request": request})
    data.is_valid(raise_exception=True)
    return data

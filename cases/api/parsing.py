from __future__ import annotations

from typing import TypeVar

from rest_framework.request import Request
from rest_framework.serializers import Serializer

Input = TypeVar("Input", bound=Serializer)


def parsed(kind: type[Input], request: Request) -> Input:
    """The request's body, checked. Raises `ValidationError` with the problems of each field."""
    data = kind(data=request.data, context={"request": request})
    data.is_valid(raise_exception=True)
    return data

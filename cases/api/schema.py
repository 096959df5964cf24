"""Bits of the OpenAPI schema that views share."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

PNG = "image/png"
JPEG = "image/jpeg"
PDF = "application/pdf"


class ErrorBodySerializer(serializers.Serializer):
    """What went wrong."""

    code = serializers.CharField(help_text="For programs; stable.")
    message = serializers.CharField(help_text="For people: what was wrong and what to do; in the request's language.")
    details = serializers.DictField(help_text="Facts; for code “invalid” a list of problems per field.")


class ErrorSerializer(serializers.Serializer):
    """The shape of every error below /api."""

    error = ErrorBodySerializer()


_MEANINGS = {
    400: "The values or the file are wrong; `message` says how.",
    401: "No credentials, or a token that is unknown, expired or revoked.",
    403: "The caller's role does not allow this, or the CSRF token is missing.",
    404: "There is no such thing in the caller's clinics.",
    409: "The record is not in a state that allows this, or somebody else was faster.",
    413: "Too many bytes or pixels.",
    415: "Not an image, or a format or content type that is not read.",
    422: "The analysis failed; `code` and `message` say why.",
    429: "Too many requests; see `Retry-After`.",
    503: "Not now: the queue is full or the network's weights are missing.",
}


def answers(answer: Any, *errors: int, media_type: str = "application/json", status: int = 200) -> dict[Any, Any]:
    """The responses of an endpoint: `answer` with `status`, the errors named, and 401 and 429, which all have."""
    success = OpenApiTypes.BINARY if media_type != "application/json" else answer
    responses: dict[Any, Any] = {(status, media_type): success}
    for error in sorted({401, 429, *errors}):
        responses[error] = OpenApiResponse(ErrorSerializer, description=_MEANINGS[error])
    return responses


def error_example(code: str, message: str, status: int, **details: Any) -> OpenApiExample:
    """An example of an error answer."""
    return OpenApiExample(
        code,
        value={"error": {"code": code, "message": message, "details": details}},
        response_only=True,
        status_codes=[str(status)],
    )


NOT_MODIFIED = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="ETag of an earlier answer; 304 where it still holds."
)


def one_spelling(endpoints: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Preprocessing hook: the root address pattern allows for `/api//upload_image`; the schema tells `/api/`."""
    return [(path.replace("/api//", "/api/"), *rest) for path, *rest in endpoints]

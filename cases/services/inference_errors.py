"""From the errors of `inference` (no HTTP, no translation) to those of the interface."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext

from cases.errors import ApplicationError, TooLarge, Unavailable, UnsupportedMedia
from inference.errors import InferenceError, ModelUnavailable

_ERROR_OF_CODE: dict[str, type[ApplicationError]] = {
    "too_many_pixels": TooLarge,
    "file_too_large": TooLarge,
    "unsupported_format": UnsupportedMedia,
    "not_an_image": UnsupportedMedia,
    "unknown_model": ApplicationError,
}


def application_error(error: InferenceError) -> ApplicationError:
    """The same error, in the reader's language and with an HTTP status."""
    default = Unavailable if isinstance(error, ModelUnavailable) else ApplicationError
    kind = _ERROR_OF_CODE.get(error.code, default)
    return kind(error.code, gettext(error.template) % error.params, **error.params)


@contextmanager
def translated() -> Iterator[None]:
    """Turn an `InferenceError` raised in the block into an `ApplicationError`."""
    try:
        yield
    except InferenceError as error:
        raise application_error(error) from error

"""Errors that are part of the interface: a code for programs, a sentence for people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils.functional import Promise
from django.utils.translation import gettext_noop

# No connection, a connection that broke, SQLite's lock held for too long, its disk full: all may pass.
DATABASE_AWAY = (OperationalError, InterfaceError)
AWAY_SECONDS = 10
AWAY = gettext_noop("The database does not answer at the moment. Nothing was lost; try again in a few seconds.")


class ApplicationError(Exception):
    """A request that cannot be carried out as asked. `message` says what was wrong and what to do."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, code: str, message: str | Promise, **details: Any) -> None:
        super().__init__(str(message))
        self.code = code
        self.message = message
        self.details = details


class NotAllowed(ApplicationError):
    """The person is known but their role does not allow this."""

    status = HTTPStatus.FORBIDDEN


class LockedOut(ApplicationError):
    """Too many wrong passwords from here."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Conflict(ApplicationError):
    """The record is not in a state that allows this, or somebody else was faster."""

    status = HTTPStatus.CONFLICT


class TooLarge(ApplicationError):
    """More bytes or pixels than the stated limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMedia(ApplicationError):
    """A kind of file that cannot be read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Unavailable(ApplicationError):
    """The system cannot do this now (a model is missing, the queue is full)."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

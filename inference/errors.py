"""Errors of the package: a code for programs, one clear sentence for people."""

from __future__ import annotations

from typing import Any


def gettext_noop(message: str) -> str:
    """Mark a sentence for translation; who shows it translates it."""
    return message


class InferenceError(Exception):
    """An image or model that cannot be used.

    `template % params` is the English sentence; the template itself is what translations are keyed by, so mark
    it with `gettext_noop` where the error is raised.
    """

    def __init__(self, code: str, template: str, **params: Any) -> None:
        self.code = code
        self.template = template
        self.params = params
        super().__init__(self.message)

    @property
    def message(self) -> str:
        return self.template % self.params


class ImageRejected(InferenceError):
    """The picture cannot be analysed: unreadable, too large, no fundus photograph, or a mask that does not fit."""


class ModelUnavailable(InferenceError):
    """The network's weights are missing, altered or unknown; there is never a substitute result."""

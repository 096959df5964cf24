"""Which request or analysis a log line belongs to: by ids alone, never by a name, record number or birth date."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ids: ContextVar[dict[str, object]] = ContextVar("log_ids")


@contextmanager
def log_context(**ids: object) -> Iterator[None]:
    """Give every log line of the block these ids."""
    token = _ids.set({**_ids.get({}), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


class WithoutProbes(logging.Filter):
    """Drops what Django says of every 503 of `/readyz`; `cases.selectors.readiness` logs the changes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a readiness probe."""
        request = getattr(record, "request", None)
        return getattr(request, "path", "") != "/readyz"


class AddIds(logging.Filter):
    """Puts the ids on the record: each by its name for JSON, all together as `ids` for text.

    From traces it takes PostgreSQL's DETAIL lines, which quote the values of a row.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record pass."""
        if record.exc_info:
            lines = logging.Formatter().formatException(record.exc_info).splitlines()
            record.exc_text = "\n".join(line for line in lines if not line.startswith("DETAIL:"))
            record.exc_info = None
        ids = _ids.get({})
        for name, value in ids.items():
            setattr(record, name, value)
        record.ids = "".join(f"{name}={value} " for name, value in ids.items())
        return True

"""Files that belong to a row: kept only if the row is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.fields.files import FieldFile


class StoredFiles:
    """Names of files written so far in the block."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def save(self, field: FieldFile, suffix: str, content: bytes) -> None:
        """Write `content` under a fresh name that ends in `suffix`; the row itself is saved by the caller."""
        field.save(suffix, ContentFile(content), save=False)
        self.names.append(str(field.name))


@contextmanager
def stored_files() -> Iterator[StoredFiles]:
    """A transaction whose files are deleted again if its block fails, so that nothing half-made stays.

    They stay where the COMMIT fails: if the connection died under it, the row may be there. A file without a row is
    harmless, a row without its files is not.
    """
    with transaction.atomic():
        files = StoredFiles()
        try:
            yield files
        except BaseException:
            for name in files.names:
                default_storage.delete(name)
            raise

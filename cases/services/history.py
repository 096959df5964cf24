"""Who saw or took what. django-auditlog records changes as they are saved (``AUDITLOG_INCLUDE_TRACKING_MODELS``).

Looking is recorded once per person, way, record and `GRAIN`: pages that follow a study read it again and again, and a
look at the work-list must not need the database's write lock each time. What was recorded is remembered in a cache;
where that is lost, an entry more is written, never one less.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.db import models
from django.db.models.fields.files import FieldFile

from cases.asking import asker
from cases.choices import Access, Via
from cases.models import HistoryEntry, LesionResult, MaskRevision, Prediction
from cases.models.history_entry import belongs_to, name_of

GRAIN = dt.timedelta(hours=12)
# Files that leave the system as they are; the others are looked at on pages.
HANDED_OUT = frozenset({"original", "pdf"})


def access_record(*, record: models.Model, access: Access) -> None:
    """Record that whoever asks saw or took `record`; of the system by itself, only what it exported."""
    access_records(records=[record], access=access)


def access_records(*, records: Iterable[models.Model], access: Access) -> None:
    """The same for several, in one statement; none where all of it was recorded within `GRAIN`."""
    who = asker()
    if who["actor"] is None and access != Access.EXPORTED:  # what the system looks at stays in it
        return
    entries = [_entry(who, record, access) for record in records if _first_time(who, record, access)]
    if entries:  # without any, not even a transaction is opened
        HistoryEntry.objects.bulk_create(entries)


def access_file(*, file: FieldFile) -> None:
    """Record that a stored file is handed out: taken, or by a page merely shown."""
    record = file.instance
    if file.field.name in HANDED_OUT or asker()["via"] == Via.TOKEN:
        access_record(record=record, access=Access.DOWNLOADED)
    else:
        access_record(record=_photograph_of(record), access=Access.VIEWED)


def _entry(who: dict[str, Any], record: models.Model, access: Access) -> HistoryEntry:
    return HistoryEntry(
        content_type=_kind(record),
        object_pk=str(record.pk),
        object_id=record.pk,
        object_repr=name_of(record),
        action=HistoryEntry.Action.ACCESS,
        access=access,
        **belongs_to(record),
        **who,
    )


def _photograph_of(record: models.Model) -> models.Model:
    if isinstance(record, LesionResult):
        record = record.prediction
    return record.image if isinstance(record, Prediction | MaskRevision) else record


def _first_time(who: dict[str, Any], record: models.Model, access: Access) -> bool:
    if access == Access.EXPORTED:
        return True
    key = f"{who['actor'].pk}/{who['via']}/{who['token_name']}/{_kind(record).pk}/{record.pk}/{access}"
    return caches["history"].add(hashlib.sha256(key.encode()).hexdigest(), True, GRAIN.total_seconds())


def _kind(record: models.Model) -> ContentType:
    return ContentType.objects.get_for_model(record)

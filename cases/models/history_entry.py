from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from auditlog.models import AbstractLogEntry, LogEntryManager
from django.conf import settings
from django.db import models
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from cases.asking import asker
from cases.choices import Access, Via
from cases.models.base import ClinicQuerySet, ClinicRecord
from cases.models.clinic import Clinic
from cases.models.patient import Patient
from cases.models.prediction import LesionResult
from cases.models.study import Study

if TYPE_CHECKING:
    from cases.models.user import User


EMPTY = ("None", "")  # as django-auditlog writes it
CHANGES = {
    AbstractLogEntry.Action.CREATE: _("Created"),
    AbstractLogEntry.Action.UPDATE: _("Changed"),
    AbstractLogEntry.Action.DELETE: _("Deleted"),
}


class HistoryQuerySet(ClinicQuerySet):
    """Entries that are written once: neither changed nor deleted in the product."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise TypeError("history is never changed")

    def delete(self) -> NoReturn:
        """Refuse."""
        raise TypeError("history is never deleted")


class HistoryManager(LogEntryManager.from_queryset(HistoryQuerySet)):  # type: ignore[misc]
    """Completes what django-auditlog records: whose record it is, and who asks from where."""

    def log_create(self, instance: models.Model, force_log: bool = False, **kwargs: Any) -> HistoryEntry | None:
        """Keep that something happened to `instance`; django-auditlog calls this for each change of a tracked model."""
        known = {"object_repr": name_of(instance), **belongs_to(instance), **asker(), **kwargs}
        return super().log_create(instance, force_log=force_log, **known)


class HistoryEntry(AbstractLogEntry):
    """Who did, saw or took what, when and from where. Database triggers refuse to change an entry."""

    CLINIC_PATH = "clinic"

    actor: models.ForeignKey[User | None, User | None] = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("person"),
        help_text=_("Empty where the system acted by itself."),
    )
    clinic: models.ForeignKey[Clinic | None, Clinic | None] = models.ForeignKey(
        Clinic, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    patient: models.ForeignKey[Patient | None, Patient | None] = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    study: models.ForeignKey[Study | None, Study | None] = models.ForeignKey(
        Study, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    access: models.CharField[str, str] = models.CharField(
        _("access"), max_length=10, choices=Access.choices, blank=True, help_text=_("Empty for a change.")
    )
    via: models.CharField[str, str] = models.CharField(_("by way of"), max_length=6, choices=Via.choices)
    token_name: models.CharField[str, str] = models.CharField(_("API token"), max_length=100, blank=True)

    objects = HistoryManager()

    class Meta(AbstractLogEntry.Meta):
        verbose_name = _("history entry")
        verbose_name_plural = _("history entries")
        ordering = ("-timestamp", "-pk")
        indexes = (
            models.Index(fields=("clinic", "-timestamp"), name="history_of_clinic"),
            models.Index(fields=("patient", "-timestamp"), name="history_of_patient"),
        )

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise TypeError("history is never deleted")

    @property
    def what(self) -> str:
        """What was done, in words of the active language."""
        return str(self.get_access_display() if self.access else CHANGES[self.action])

    @property
    def shown_changes(self) -> list[tuple[str, str, str]]:
        """(field, old, new) of a change, in words; empty values are "", and what stayed empty is left out."""
        pairs = self.changes_display_dict.items() if self.changes else ()
        words = [(field, *("" if value in EMPTY else value for value in values[:2])) for field, values in pairs]
        return [(field, old, new) for field, old, new in words if old != new]


def name_of(record: models.Model) -> str:
    """How a record calls itself, in the installation's language and not in that of whoever comes across it."""
    with translation.override(settings.LANGUAGE_CODE):
        return str(record)


def belongs_to(record: models.Model) -> dict[str, Any]:
    """Clinic, patient and study of a record; None for what it has none of."""
    study = _study_of(record)
    if study is not None:
        return {"clinic_id": study.clinic_id, "patient_id": study.patient_id, "study_id": study.pk}
    if isinstance(record, Clinic):
        return {"clinic_id": record.pk}
    clinic = getattr(record, "clinic_id", None)
    return {"clinic_id": clinic, "patient_id": record.pk if isinstance(record, Patient) else None}


def _study_of(record: models.Model) -> Study | None:
    if isinstance(record, Study):
        return record
    if isinstance(record, LesionResult):
        return record.prediction.image.study
    path = record.CLINIC_PATH.split("__")[:-1] if isinstance(record, ClinicRecord) else []
    for step in path:
        record = getattr(record, step)
    return record if isinstance(record, Study) else None

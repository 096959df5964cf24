from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.base import ClinicRecord
from cases.models.clinic import Clinic
from cases.models.patient import Patient


class Study(ClinicRecord):
    """The photographs of one visit. The patient may be named later (a program uploads first)."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="studies", verbose_name=_("clinic"))
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="studies", verbose_name=_("patient")
    )
    visit_date = models.DateField(_("date of visit"), default=timezone.localdate)
    note = models.TextField(_("note"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("created by")
    )

    class Meta:
        verbose_name = _("study")
        verbose_name_plural = _("studies")
        ordering = ("-created_at", "-pk")
        indexes = (models.Index(fields=("clinic", "-created_at")),)

    def __str__(self) -> str:
        return _("Study %(number)s") % {"number": self.pk}

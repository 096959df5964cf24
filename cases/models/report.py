from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.choices import IcdrGrade, ReportLanguage
from cases.models.base import ClinicRecord
from cases.models.study import Study


def report_path(report: Report, filename: str) -> str:
    """Storage key of a report."""
    return f"reports/{uuid.uuid4().hex}{filename}"


class Report(ClinicRecord):
    """A PDF that was handed out, with the words it was made from."""

    CLINIC_PATH = "study__clinic"
    SHARED_PATH = "study"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="reports", verbose_name=_("study"))
    language = models.CharField(_("language"), max_length=10, choices=ReportLanguage.choices)
    patient_name = models.CharField(_("patient name"), max_length=200)
    patient_age = models.PositiveSmallIntegerField(_("age"), null=True, blank=True)
    diagnosis = models.TextField(_("diagnosis"), blank=True)
    grade = models.PositiveSmallIntegerField(_("grade"), choices=IcdrGrade.choices, null=True, blank=True)
    pdf = models.FileField(_("PDF"), upload_to=report_path, max_length=200)
    sha256 = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("created by")
    )

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.study} · {self.created_at:%Y-%m-%d}"

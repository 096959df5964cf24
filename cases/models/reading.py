from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.choices import IcdrGrade, ReadingState
from cases.models.base import ClinicRecord
from cases.models.study import Study


class Reading(ClinicRecord):
    """What a reader concludes from a study: a grade per eye and the text of the report."""

    CLINIC_PATH = "study__clinic"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="readings", verbose_name=_("study"))
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings", verbose_name=_("reader")
    )
    state = models.CharField(_("state"), max_length=6, choices=ReadingState.choices, default=ReadingState.DRAFT)
    grade_od = models.PositiveSmallIntegerField(_("grade, right eye"), choices=IcdrGrade.choices, null=True, blank=True)
    grade_os = models.PositiveSmallIntegerField(_("grade, left eye"), choices=IcdrGrade.choices, null=True, blank=True)
    diagnosis = models.TextField(_("diagnosis"), blank=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        ordering = ("-updated_at",)
        constraints = (models.UniqueConstraint(fields=("study", "reader"), name="one_reading_per_reader_and_study"),)

    def __str__(self) -> str:
        return f"{self.study} · {self.reader}"

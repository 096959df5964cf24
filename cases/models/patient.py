from __future__ import annotations

import datetime as dt

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.choices import DiabetesType, Sex
from cases.models.base import ClinicRecord
from cases.models.clinic import Clinic


class Patient(ClinicRecord):
    """A person whose eyes are photographed, known to the clinic by a record number."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="patients", verbose_name=_("clinic"))
    record_number = models.CharField(_("record number"), max_length=64)
    name = models.CharField(_("name"), max_length=200)
    birth_date = models.DateField(_("date of birth"), null=True, blank=True)
    sex = models.CharField(_("sex"), max_length=1, choices=Sex.choices, default=Sex.UNKNOWN)
    diabetes_type = models.CharField(
        _("diabetes type"), max_length=12, choices=DiabetesType.choices, default=DiabetesType.UNKNOWN
    )
    diabetes_since = models.PositiveSmallIntegerField(
        _("diabetes since (year)"), null=True, blank=True, validators=(MinValueValidator(1900),)
    )

    class Meta:
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("clinic", "record_number"),
                name="record_number_unique_in_clinic",
                violation_error_message=_("Another patient of this clinic has this record number."),
            ),
        )

    def __str__(self) -> str:
        return f"{self.record_number} · {self.name}"

    def age_on(self, day: dt.date | None = None) -> int | None:
        """Age in completed years on `day` (today if not given); None where the birth date is unknown."""
        if self.birth_date is None:
            return None
        day = day or timezone.localdate()
        had_birthday = (day.month, day.day) >= (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - (0 if had_birthday else 1)

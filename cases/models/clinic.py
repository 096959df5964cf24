from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.models.base import ClinicRecord


class Clinic(ClinicRecord):
    """The unit of access: people of one clinic never see the records of another."""

    CLINIC_PATH = "pk"

    name = models.CharField(_("name"), max_length=200, unique=True)
    address = models.TextField(_("address"), blank=True, help_text=_("Printed at the head of reports."))
    default_model = models.CharField(
        _("default network"),
        max_length=50,
        blank=True,
        help_text=_("Name of an installed segmentation network; empty for the system's default."),
    )
    double_reading_percent = models.PositiveSmallIntegerField(
        _("studies read by two readers (%)"), default=0, validators=(MaxValueValidator(100),)
    )
    blind_to_network = models.BooleanField(
        _("hide the network from the two readers"),
        default=False,
        help_text=_("Until both have signed. Counts for studies that are opened from now on."),
    )
    adjudicate_from = models.PositiveSmallIntegerField(
        _("grades apart that need adjudication"),
        default=1,
        validators=(MinValueValidator(1), MaxValueValidator(4)),
        help_text=_("Of two readers of the same eye."),
    )
    senior_reads_disagreements = models.BooleanField(
        _("a senior reader decides where network and lesion rule disagree"), default=True
    )

    grade_difference = models.PositiveSmallIntegerField(
        _("grades apart at which network and lesion rule disagree"),
        default=1,
        validators=(MinValueValidator(1), MaxValueValidator(4)),
    )

    class Meta:
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

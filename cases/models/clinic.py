from __future__ import annotations

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

    class Meta:
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

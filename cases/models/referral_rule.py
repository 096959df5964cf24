from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.choices import Finding, Referral
from cases.models.base import ClinicRecord
from cases.models.clinic import Clinic

LONGEST_INTERVAL = 60  # months


class ReferralRule(ClinicRecord):
    """A row of a clinic's own table of referral and recall; findings without a row follow `cases.decision.DEFAULTS`."""

    clinic = models.ForeignKey(
        Clinic, on_delete=models.CASCADE, related_name="referral_rules", verbose_name=_("clinic")
    )
    finding = models.CharField(_("finding"), max_length=16, choices=Finding.choices)
    referral = models.PositiveSmallIntegerField(_("referral"), choices=Referral.choices)
    months = models.PositiveSmallIntegerField(
        _("next examination within (months)"), validators=(MinValueValidator(1), MaxValueValidator(LONGEST_INTERVAL))
    )
    source = models.CharField(_("source"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("referral rule")
        verbose_name_plural = _("referral rules")
        ordering = ("clinic", "finding")
        constraints = (models.UniqueConstraint(fields=("clinic", "finding"), name="one_rule_per_clinic_and_finding"),)

    def __str__(self) -> str:
        return f"{self.clinic} · {self.get_finding_display()}"

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.choices import Lesion
from cases.models.base import ClinicRecord
from cases.models.image import Image
from cases.models.reading import Reading


class MaskAgreement(ClinicRecord):
    """How far a signed mask covers the one of another reading, or of the network, in pixels; counted once."""

    CLINIC_PATH = "reading__study__clinic"

    reading = models.ForeignKey(Reading, on_delete=models.CASCADE, related_name="mask_agreements")
    other = models.ForeignKey(
        Reading,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("other reading"),
        help_text=_("Empty: the network."),
    )
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="+", verbose_name=_("photograph"))
    lesion = models.CharField(_("lesion"), max_length=2, choices=Lesion.choices)
    area_px = models.PositiveIntegerField(_("area in pixels"))
    other_area_px = models.PositiveIntegerField(_("area of the other in pixels"))
    common_px = models.PositiveIntegerField(_("common area in pixels"))

    class Meta:
        verbose_name = _("mask agreement")
        verbose_name_plural = _("mask agreements")
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("reading", "image", "lesion"),
                condition=models.Q(other=None),
                name="one_agreement_with_the_network_per_mask",
            ),
            models.UniqueConstraint(
                fields=("reading", "other", "image", "lesion"), name="one_agreement_per_pair_and_mask"
            ),
        )

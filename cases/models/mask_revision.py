from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.choices import Lesion
from cases.models.base import ClinicRecord
from cases.models.image import Image
from cases.models.prediction import Prediction


def revision_path(revision: MaskRevision, filename: str) -> str:
    """Storage key of a corrected mask."""
    return f"revisions/{uuid.uuid4().hex}{filename}"


class MaskRevision(ClinicRecord):
    """A corrected mask. Revisions count up from 1 per photograph and lesion; revision 0 is the network's own mask."""

    CLINIC_PATH = "image__study__clinic"

    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="revisions", verbose_name=_("photograph"))
    lesion = models.CharField(_("lesion"), max_length=2, choices=Lesion.choices)
    number = models.PositiveIntegerField(_("revision"))
    prediction = models.ForeignKey(
        Prediction,
        on_delete=models.PROTECT,
        related_name="revisions",
        verbose_name=_("prediction"),
        help_text=_("The result that was being corrected."),
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("author")
    )
    mask = models.FileField(_("mask"), upload_to=revision_path, max_length=200)
    sha256 = models.CharField(max_length=64)
    count = models.PositiveIntegerField(_("count"))
    area_px = models.PositiveIntegerField(_("area in pixels"))
    # xgettext:no-python-format
    area_percent_of_fov = models.FloatField(_("area in % of the field of view"))
    area_disc = models.FloatField(_("area in assumed optic-disc areas"))

    class Meta:
        verbose_name = _("mask revision")
        verbose_name_plural = _("mask revisions")
        ordering = ("image", "lesion", "-number")
        constraints = (
            models.UniqueConstraint(fields=("image", "lesion", "number"), name="revision_number_unique_per_mask"),
        )

    def __str__(self) -> str:
        return f"{self.lesion} r{self.number}"

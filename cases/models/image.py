from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.choices import Field, Laterality, QualityVerdict
from cases.models.base import ClinicRecord
from cases.models.study import Study


def original_path(image: Image, filename: str) -> str:
    """Storage key of an original; the name the user gave never becomes part of it."""
    return f"originals/{uuid.uuid4().hex}{filename}"


def preview_path(image: Image, filename: str) -> str:
    """Storage key of a preview."""
    return f"previews/{uuid.uuid4().hex}{filename}"


class Image(ClinicRecord):
    """A fundus photograph as it was uploaded, and a preview for the screen."""

    CLINIC_PATH = "study__clinic"
    SHARED_PATH = "study"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="images", verbose_name=_("study"))
    original = models.FileField(_("original"), upload_to=original_path, max_length=200)
    preview = models.FileField(
        _("preview"), upload_to=preview_path, max_length=200, help_text=_("Upright JPEG for the screen.")
    )
    filename = models.CharField(_("file name"), max_length=255, help_text=_("As the uploader named it."))
    sha256 = models.CharField(max_length=64, db_index=True)
    byte_size = models.PositiveBigIntegerField(_("size in bytes"))
    file_format = models.CharField(_("format"), max_length=10)
    width = models.PositiveIntegerField(_("width"), help_text=_("Pixels, upright."))
    height = models.PositiveIntegerField(_("height"), help_text=_("Pixels, upright."))
    laterality = models.CharField(_("eye"), max_length=7, choices=Laterality.choices, default=Laterality.UNKNOWN)
    field = models.CharField(_("field"), max_length=7, choices=Field.choices, default=Field.UNKNOWN)
    field_of_view = models.JSONField(
        _("field of view"), default=dict, help_text=_("Circle and box of the retina in pixels of the upright image.")
    )
    camera = models.JSONField(_("camera facts"), default=dict, blank=True, help_text=_("From EXIF."))
    landmarks = models.JSONField(
        _("landmarks"),
        default=dict,
        blank=True,
        help_text=_("Optic disc and fovea in pixels of the upright image, and the eye and field they propose."),
    )
    quality_verdict = models.CharField(_("quality"), max_length=10, choices=QualityVerdict.choices, blank=True)
    quality = models.JSONField(_("quality measures"), default=dict, blank=True)
    quality_override = models.CharField(
        _("quality, by a reader"), max_length=10, choices=QualityVerdict.choices, blank=True
    )
    quality_note = models.TextField(_("reason of the reader"), blank=True)
    quality_overridden_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("overridden by"),
    )
    quality_overridden_at = models.DateTimeField(_("overridden at"), null=True, blank=True)
    timings = models.JSONField(_("seconds per stage of the upload"), default=dict, blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("uploaded by")
    )

    class Meta:
        verbose_name = _("photograph")
        verbose_name_plural = _("photographs")
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.filename} ({self.get_laterality_display()})"

    @property
    def verdict(self) -> str:
        """The `QualityVerdict` that holds: a reader's over the gate's; empty where nobody judged."""
        return self.quality_override or self.quality_verdict

    @property
    def eye(self) -> str:
        """The `Laterality` that a person stated, or else the one that the optic disc proposes."""
        if self.laterality != Laterality.UNKNOWN:
            return self.laterality
        return str(self.landmarks.get("laterality", Laterality.UNKNOWN))

    @property
    def shown_field(self) -> str:
        """The `Field` that a person stated, or else the one that disc and fovea propose."""
        return self.field if self.field != Field.UNKNOWN else str(self.landmarks.get("field", Field.UNKNOWN))

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.choices import Lesion
from cases.models.base import BlindQuerySet, BlindRecord
from cases.models.image import Image
from cases.models.prediction import Prediction

if TYPE_CHECKING:
    from cases.models.user import User


def revision_path(revision: MaskRevision, filename: str) -> str:
    """Storage key of a corrected mask."""
    return f"revisions/{uuid.uuid4().hex}{filename}"


class MaskRevisionQuerySet(BlindQuerySet):
    """Corrections, in lines."""

    def in_line_of(self, user: User | AnonymousUser) -> Self:
        """The line that `user` works on: in a blind study their own, otherwise the study's."""
        own = models.Q(image__study__blind=True, line=user.pk)
        return self.filter(models.Q(image__study__blind=False, line=None) | own)


class MaskRevision(BlindRecord):
    """A corrected mask. Revisions count up from 1 per photograph and lesion; revision 0 is the network's own mask.

    Each reader of a blind study has a line of their own, which counts by itself: `line` names the reader. Once the
    readings are compared, the masks of the one that holds go on as the line of the study, which is nobody's.
    """

    CLINIC_PATH = "image__study__clinic"
    SHARED_PATH = "image__study"
    STUDY_PATH = "image__study"
    AUTHOR_PATH = "line"

    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="revisions", verbose_name=_("photograph"))
    lesion = models.CharField(_("lesion"), max_length=2, choices=Lesion.choices)
    number = models.PositiveIntegerField(_("revision"))
    line = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("line of"),
        help_text=_("The reader of a blind study who made it; empty for the line of the study."),
    )
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

    objects = MaskRevisionQuerySet.as_manager()  # type: ignore[misc]  # in place of the base's

    class Meta:
        verbose_name = _("mask revision")
        verbose_name_plural = _("mask revisions")
        ordering = ("image", "lesion", "-number")
        constraints = (
            models.UniqueConstraint(
                fields=("image", "lesion", "number"),
                condition=models.Q(line=None),
                name="revision_number_unique_per_mask",
            ),
            models.UniqueConstraint(
                fields=("image", "lesion", "line", "number"), name="revision_number_unique_per_line"
            ),
        )

    def __str__(self) -> str:
        return f"{self.lesion} r{self.number}"

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.choices import READING_ROLES, IcdrGrade
from cases.models.base import BlindRecord, ClinicQuerySet, ClinicRecord
from cases.models.clinic import Clinic
from cases.models.study import Study

if TYPE_CHECKING:
    from cases.models.user import User


class StudyShareQuerySet(ClinicQuerySet):
    """Shares, of which some hold now."""

    def live(self) -> Self:
        """Those that are neither revoked nor past their last day."""
        return self.filter(revoked_at=None, until__gte=timezone.localdate())

    def for_guest(self, user: User | AnonymousUser) -> Self:
        """Live shares with the clinics in which `user` is a reader."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        clinics = user.memberships.filter(role__in=READING_ROLES).values("clinic_id")
        return self.live().filter(clinic__in=clinics)


class StudyShare(ClinicRecord):
    """A study shown to the readers of another clinic for a second opinion, until a day or until it is revoked."""

    CLINIC_PATH = "study__clinic"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="shares", verbose_name=_("study"))
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+", verbose_name=_("shared with"))
    purpose = models.TextField(_("question"), help_text=_("What the other clinic is asked."))
    until = models.DateField(_("until"), help_text=_("The last day on which the other clinic sees the study."))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("shared by")
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects = StudyShareQuerySet.as_manager()  # type: ignore[misc]  # in place of the base's

    class Meta:
        verbose_name = _("share of a study")
        verbose_name_plural = _("shares of studies")
        ordering = ("-pk",)
        indexes = (models.Index(fields=("clinic", "until")),)

    def __str__(self) -> str:
        return f"{self.study} → {self.clinic}"

    @property
    def is_live(self) -> bool:
        """Whether the other clinic sees the study now."""
        return self.revoked_at is None and self.until >= timezone.localdate()


class SecondOpinion(BlindRecord):
    """What a reader of another clinic says of a shared study: advice, and never the study's conclusion."""

    CLINIC_PATH = "study__clinic"
    SHARED_PATH = "study"
    STUDY_PATH = "study"
    AUTHOR_PATH = "author"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="second_opinions", verbose_name=_("study"))
    share = models.ForeignKey(StudyShare, on_delete=models.PROTECT, related_name="opinions", verbose_name=_("share"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("author")
    )
    grade_od = models.PositiveSmallIntegerField(_("grade, right eye"), choices=IcdrGrade.choices, null=True, blank=True)
    grade_os = models.PositiveSmallIntegerField(_("grade, left eye"), choices=IcdrGrade.choices, null=True, blank=True)
    text = models.TextField(_("opinion"), max_length=20_000)

    class Meta:
        verbose_name = _("second opinion")
        verbose_name_plural = _("second opinions")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.study} · {self.author}"

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.choices import Gradability, IcdrGrade, Laterality, MacularOedema, ReadingKind, ReadingState
from cases.models.base import BlindRecord
from cases.models.study import Study


class Reading(BlindRecord):
    """What a reader concludes from a study: grade, macula and gradability of each eye, and the text of the report.

    A signed reading never changes (a database trigger sees to it): an amendment is another row that `amends` it.
    """

    CLINIC_PATH = "study__clinic"
    SHARED_PATH = "study"
    STUDY_PATH = "study"
    AUTHOR_PATH = "reader"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="readings", verbose_name=_("study"))
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="readings", verbose_name=_("reader")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=ReadingKind.choices, default=ReadingKind.READING)
    state = models.CharField(_("state"), max_length=6, choices=ReadingState.choices, default=ReadingState.DRAFT)
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    amends = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="amendment", verbose_name=_("amends")
    )
    reason = models.TextField(_("reason of the amendment"), blank=True)

    grade_od = models.PositiveSmallIntegerField(_("grade, right eye"), choices=IcdrGrade.choices, null=True, blank=True)
    grade_os = models.PositiveSmallIntegerField(_("grade, left eye"), choices=IcdrGrade.choices, null=True, blank=True)
    macula_od = models.CharField(_("macula, right eye"), max_length=9, choices=MacularOedema.choices, blank=True)
    macula_os = models.CharField(_("macula, left eye"), max_length=9, choices=MacularOedema.choices, blank=True)
    gradability_od = models.CharField(
        _("gradability, right eye"), max_length=10, choices=Gradability.choices, blank=True
    )
    gradability_os = models.CharField(
        _("gradability, left eye"), max_length=10, choices=Gradability.choices, blank=True
    )
    diagnosis = models.TextField(_("diagnosis"), blank=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    signed_at = models.DateTimeField(_("signed"), null=True, blank=True)
    snapshot = models.TextField(
        _("signed document"), blank=True, help_text=_("Canonical JSON of all that the reader saw and said.")
    )
    sha256 = models.CharField(max_length=64, blank=True, help_text=_("Of the signed document."))

    class Meta:
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        ordering = ("-updated_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=("study", "reader"),
                condition=models.Q(kind="adjudication", amends=None),
                name="one_adjudication_per_reader_and_study",
            ),
            models.UniqueConstraint(
                fields=("study", "reader"),
                condition=models.Q(kind="reading", amends=None),
                name="one_reading_per_reader_and_study",
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft", sha256="", signed_at=None)
                | models.Q(state="signed", signed_at__isnull=False) & ~models.Q(sha256="") & ~models.Q(snapshot=""),
                name="signed_readings_have_a_signature",
            ),
        )

    def __str__(self) -> str:
        return f"{self.study} · {self.reader}"

    def eyes(self) -> list[dict[str, Any]]:
        """What is stated of each eye, in words of the active language where there are words."""
        return [
            {
                "label": eye,
                "grade": self.grade(eye),
                "macula": MacularOedema(macula).label if (macula := self.macula(eye)) else "",
                "gradability": Gradability(gradability).label if (gradability := self.gradability(eye)) else "",
            }
            for eye in (Laterality.OD, Laterality.OS)
        ]

    def grade(self, eye: str) -> int | None:
        """ICDR grade (0-4) of the eye, OD or OS; None where it is not graded."""
        return self.grade_od if eye == Laterality.OD else self.grade_os

    def macula(self, eye: str) -> str:
        """What is stated of the eye's macula; empty where nothing is."""
        return self.macula_od if eye == Laterality.OD else self.macula_os

    def gradability(self, eye: str) -> str:
        """What is stated of the eye's gradability; empty where nothing is."""
        return self.gradability_od if eye == Laterality.OD else self.gradability_os

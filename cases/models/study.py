from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.choices import AnalysisState, IcdrGrade, ReadingMode, StudyQueue, Urgency
from cases.models.base import ClinicRecord
from cases.models.clinic import Clinic
from cases.models.patient import Patient


class Study(ClinicRecord):
    """The photographs of one visit. The patient may be named later (a program uploads first)."""

    SHARED_PATH = "pk"

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="studies", verbose_name=_("clinic"))
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="studies", verbose_name=_("patient")
    )
    visit_date = models.DateField(_("date of visit"), default=timezone.localdate)
    note = models.TextField(_("note"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("created by")
    )

    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assigned_studies",
        verbose_name=_("assigned to"),
    )

    # Worked out from the rows below by `cases.services.study_queue`, so that the work-list is one index away.
    queue = models.CharField(
        _("queue"), max_length=13, choices=StudyQueue.choices, default=StudyQueue.UPLOAD_AGAIN, editable=False
    )
    urgency = models.PositiveSmallIntegerField(
        _("urgency"), choices=Urgency.choices, default=Urgency.ROUTINE, editable=False
    )
    worst_grade = models.PositiveSmallIntegerField(
        _("worst grade"), choices=IcdrGrade.choices, null=True, blank=True, editable=False
    )
    analysis_state = models.CharField(
        _("state of analysis"),
        max_length=8,
        choices=AnalysisState.choices,
        default=AnalysisState.NONE,
        editable=False,
    )
    listed_at = models.DateTimeField(
        default=timezone.now, editable=False, help_text=_("When what a work-list shows of it last changed.")
    )

    # How it is read: `cases.services.study` draws the mode once, `cases.services.signing` keeps the rest.
    reading_mode = models.CharField(
        _("reading"), max_length=13, choices=ReadingMode.choices, default=ReadingMode.SINGLE, editable=False
    )
    blind = models.BooleanField(
        _("blind"), default=False, editable=False, help_text=_("Its readers do not see each other's work yet.")
    )
    conclusion = models.ForeignKey(
        "cases.Reading",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("conclusion"),
        help_text=_("The signed reading that holds."),
    )

    class Meta:
        verbose_name = _("study")
        verbose_name_plural = _("studies")
        ordering = ("-created_at", "-pk")
        indexes = (
            models.Index(fields=("clinic", "-created_at")),
            models.Index(fields=("clinic", "queue", "-urgency", "created_at"), name="study_queue_in_order"),
            models.Index(fields=("clinic", "listed_at"), name="study_listed"),
        )

    @property
    def network_hidden(self) -> bool:
        """Whether nobody may see the networks' results yet."""
        return self.blind and self.reading_mode == ReadingMode.DOUBLE_MASKED

    def __str__(self) -> str:
        return _("Study %(number)s") % {"number": self.pk}

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cases.choices import Detail, IcdrGrade, Lesion, PredictionState, Processor, ReadingMode
from cases.models.base import ClinicQuerySet, ClinicRecord
from cases.models.image import Image

if TYPE_CHECKING:
    from cases.models.user import User


def overlay_path(prediction: Prediction, filename: str) -> str:
    """Storage key of an overlay."""
    return f"predictions/{uuid.uuid4().hex}{filename}"


def mask_path(result: LesionResult, filename: str) -> str:
    """Storage key of a predicted mask."""
    return f"predictions/{uuid.uuid4().hex}{filename}"


class PredictionQuerySet(ClinicQuerySet):
    """Analyses, whose results nobody sees while a study is read blind to the network."""

    def for_user(self, user: User | AnonymousUser) -> Self:
        """The analyses of the user's clinics without the results that are still hidden, whatever the user's role."""
        hidden = models.Q(
            state=PredictionState.SUCCEEDED,
            image__study__blind=True,
            image__study__reading_mode=ReadingMode.DOUBLE_MASKED,
        )
        return super().for_user(user).exclude(hidden)


class ClinicalManager(models.Manager.from_queryset(PredictionQuerySet)):  # type: ignore[misc]
    """Without what was only made for comparison."""

    def get_queryset(self) -> PredictionQuerySet:
        """What may hold of a photograph."""
        return super().get_queryset().filter(for_comparison=False)


class Prediction(ClinicRecord):
    """One analysis of one photograph by one network: a job while it is open, immutable history afterwards.

    `Prediction.objects` are all of them; `image.predictions` only those that may hold of the photograph.
    """

    CLINIC_PATH = "image__study__clinic"
    SHARED_PATH = "image__study"

    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="predictions", verbose_name=_("photograph"))
    model_name = models.CharField(_("network"), max_length=50)
    detail = models.CharField(_("detail"), max_length=8, choices=Detail.choices, default=Detail.STANDARD)
    explain = models.BooleanField(_("with a map that explains the grade"), default=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("requested by")
    )

    for_comparison = models.BooleanField(
        _("for comparison"),
        default=False,
        help_text=_("Made to compare versions of a network; never what holds of the photograph."),
    )

    state = models.CharField(_("state"), max_length=10, choices=PredictionState.choices, default=PredictionState.QUEUED)
    stage = models.CharField(_("stage"), max_length=30, blank=True)
    processor = models.CharField(_("workers"), max_length=3, choices=Processor.choices, default=Processor.CPU)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, editable=False)
    not_before = models.DateTimeField(
        _("not before"), null=True, blank=True, help_text=_("When to try again after an attempt that failed.")
    )
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    error_message = models.TextField(
        _("error"), blank=True, help_text=_("One sentence for the user, untranslated, with places for the values.")
    )
    error_params = models.JSONField(default=dict, blank=True)
    error_detail = models.TextField(_("error detail"), blank=True, help_text=_("For the operator."))

    grade = models.PositiveSmallIntegerField(_("grade"), choices=IcdrGrade.choices, null=True, blank=True)
    probabilities = models.JSONField(_("grade probabilities"), default=list, blank=True)
    rule_grade = models.PositiveSmallIntegerField(
        _("grade by rule"), choices=IcdrGrade.choices, null=True, blank=True, help_text=_("From the lesion masks.")
    )
    rule_findings = models.JSONField(_("rules that fired"), default=list, blank=True)
    macula = models.JSONField(_("hard exudates near the fovea"), default=dict, blank=True)
    overlay = models.FileField(_("overlay"), upload_to=overlay_path, max_length=200, blank=True)
    explanation = models.FileField(
        _("explanation"),
        upload_to=overlay_path,
        max_length=200,
        blank=True,
        help_text=_("Grey map in the photograph's proportions: the brighter, the more a place speaks for the grade."),
    )
    networks = models.JSONField(
        _("networks"),
        default=dict,
        blank=True,
        help_text=_("Name, version, weights sha256, engine and thresholds of the networks that made this result."),
    )
    timings = models.JSONField(_("seconds per stage"), default=dict, blank=True)

    objects = PredictionQuerySet.as_manager()  # type: ignore[misc]  # in place of the base's
    clinical = ClinicalManager()

    class Meta:
        verbose_name = _("prediction")
        verbose_name_plural = _("predictions")
        ordering = ("-pk",)
        default_manager_name = "clinical"
        indexes = (models.Index(fields=("state", "created_at")),)
        constraints = (
            models.UniqueConstraint(
                fields=("image", "model_name", "detail", "explain", "for_comparison"),
                condition=models.Q(state__in=("queued", "running")),
                name="one_open_prediction_per_image_and_network",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model_name} · {self.get_state_display()}"

    @property
    def error_sentence(self) -> str:
        """What the user is told of a failure, in the reader's language; empty where nothing failed."""
        return gettext(self.error_message) % self.error_params if self.error_message else ""

    @property
    def is_open(self) -> bool:
        """Whether work is still to be done."""
        return self.state in PredictionState.open_states()

    @property
    def is_stalled(self) -> bool:
        """Whether the worker that was at it has let its lease run out; the next free one takes over."""
        lapsed = self.lease_expires_at is not None and self.lease_expires_at < timezone.now()
        return self.state == PredictionState.RUNNING and lapsed


class LesionResult(models.Model):
    """The mask of one lesion kind that a prediction found, with its measurements."""

    prediction = models.ForeignKey(Prediction, on_delete=models.CASCADE, related_name="lesions")
    lesion = models.CharField(_("lesion"), max_length=2, choices=Lesion.choices)
    mask = models.FileField(_("mask"), upload_to=mask_path, max_length=200)
    count = models.PositiveIntegerField(_("count"))
    area_px = models.PositiveIntegerField(_("area in pixels"))
    # xgettext:no-python-format
    area_percent_of_fov = models.FloatField(_("area in % of the field of view"), validators=(MaxValueValidator(100),))
    area_disc = models.FloatField(_("area in assumed optic-disc areas"))
    unsure = models.JSONField(
        _("areas of which the network is not sure"),
        default=list,
        blank=True,
        help_text=_("Their numbers, in the order of their first pixels; they do not count for the grade by rule."),
    )

    class Meta:
        verbose_name = _("lesion result")
        verbose_name_plural = _("lesion results")
        ordering = ("pk",)
        constraints = (models.UniqueConstraint(fields=("prediction", "lesion"), name="one_result_per_lesion"),)

    def __str__(self) -> str:
        return f"{self.lesion}: {self.count}"

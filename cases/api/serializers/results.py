"""Predictions, masks and their measurements, as the API tells them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cases.api.serializers.api import ApiSerializer
from cases.api.serializers.eyes import RulesSerializer, stored_rules
from cases.choices import Detail, IcdrGrade, Lesion, PredictionState
from cases.models import LesionResult, MaskRevision, Prediction
from cases.selectors.mask import CurrentMask
from cases.selectors.queue import Queue, queue_now


class WithMessage(ApiSerializer):
    """An answer that also says in words what happened; the words come in the context."""

    message = serializers.SerializerMethodField()

    def get_message(self, row: object) -> str:
        """One sentence in the language of the request."""
        return str(self.context["message"])


class MeasurementSerializer(ApiSerializer):
    """One lesion kind: how many, how large. Numbers are null where the network does not outline this kind."""

    lesion = serializers.ChoiceField(Lesion.choices)
    label = serializers.CharField(  # type: ignore[assignment]  # a field's own attribute has this name too
        help_text="In the language of the request."
    )
    count = serializers.IntegerField(allow_null=True, help_text="Connected regions.")
    area_px = serializers.IntegerField(allow_null=True, help_text="Pixels of the original photograph.")
    area_percent_of_fov = serializers.FloatField(allow_null=True, help_text="Percent of the field of view.")
    area_disc = serializers.FloatField(allow_null=True, help_text="In optic-disc areas, of an assumed disc size.")
    mask_url = serializers.URLField(allow_null=True, help_text="1-bit PNG of the photograph's size; white is lesion.")

    @staticmethod
    def measured(lesion: str, row: LesionResult | MaskRevision | None, mask_url: str | None) -> dict[str, Any]:
        """The document for `row`; all numbers null where there is none."""
        return {
            "lesion": lesion,
            "label": Lesion(lesion).label,
            "count": row.count if row else None,
            "area_px": row.area_px if row else None,
            "area_percent_of_fov": row.area_percent_of_fov if row else None,
            "area_disc": row.area_disc if row else None,
            "mask_url": mask_url,
        }


class CurrentMaskSerializer(MeasurementSerializer):
    """What holds of one lesion kind now: the newest correction, or else the network's mask (revision 0)."""

    revision = serializers.IntegerField(help_text="0: the network's own mask.")
    corrected = serializers.BooleanField()
    author = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, mask: CurrentMask) -> dict[str, Any]:
        """Tell apart a person's correction and the network's mask."""
        source = mask.source
        said: dict[str, Any] = {"revision": mask.revision, "corrected": mask.corrected}
        if isinstance(source, MaskRevision):
            url = self.link("revision-mask", revision_id=source.pk)
            said |= {"author": source.author.display_name(), "created_at": source.created_at}
        else:
            url = self.link("prediction-mask", prediction_id=source.prediction_id, lesion=mask.lesion)
            said |= {"author": None, "created_at": None}
        return super().to_representation(self.measured(mask.lesion, source, url) | said)


class RevisionSerializer(ApiSerializer):
    """A corrected mask."""

    revision_id = serializers.IntegerField(source="pk")
    image_id = serializers.IntegerField()
    lesion = serializers.ChoiceField(Lesion.choices)
    label = serializers.CharField(source="get_lesion_display")  # type: ignore[assignment]
    revision = serializers.IntegerField(source="number")
    author = serializers.CharField(source="author.display_name")
    created_at = serializers.DateTimeField()
    image_url = serializers.HyperlinkedIdentityField(view_name="api:revision-mask", lookup_url_kwarg="revision_id")
    count = serializers.IntegerField()
    area_px = serializers.IntegerField()
    area_percent_of_fov = serializers.FloatField()
    area_disc = serializers.FloatField()


class ImageUrlsSerializer(serializers.Serializer):
    """Addresses of the generated pictures."""

    overlay = serializers.URLField(allow_null=True, help_text="Photograph with the four masks drawn on it.")
    EX = serializers.URLField(allow_null=True)
    SE = serializers.URLField(allow_null=True)
    HE = serializers.URLField(allow_null=True)
    MA = serializers.URLField(allow_null=True)
    explanation = serializers.URLField(
        allow_null=True, help_text="Grey map of what speaks for the grade; null unless it was asked for."
    )


class ResultSerializer(ApiSerializer):
    """What the networks found in one photograph."""

    image_id = serializers.IntegerField()
    prediction_id = serializers.IntegerField(source="pk")
    model = serializers.CharField(source="model_name")
    state = serializers.ChoiceField(PredictionState.choices)
    detail = serializers.ChoiceField(Detail.choices)
    grade = serializers.IntegerField(allow_null=True, min_value=0, max_value=4, help_text="ICDR severity, 0-4.")
    grade_label = serializers.SerializerMethodField(help_text="In the language of the request.")
    probabilities = serializers.ListField(child=serializers.FloatField(), help_text="Of grades 0-4.")
    lesions = serializers.SerializerMethodField(help_text="Always four: EX, SE, HE, MA.")
    rules = serializers.SerializerMethodField(help_text="The grade by rule, from the network's own masks.")
    images = serializers.SerializerMethodField()
    networks = serializers.DictField(help_text="Versions, weights sha256, engines and thresholds that made this.")

    def get_grade_label(self, prediction: Prediction) -> str:
        """The grade in words."""
        return "" if prediction.grade is None else str(IcdrGrade(prediction.grade).label)

    @extend_schema_field(MeasurementSerializer(many=True))
    def get_lesions(self, prediction: Prediction) -> list[dict[str, Any]]:
        """All four kinds in their fixed order."""
        found = {row.lesion: row for row in prediction.lesions.all()}
        urls = self._mask_urls(prediction)
        return [MeasurementSerializer.measured(name, found.get(name), urls[name]) for name in Lesion.values]

    @extend_schema_field(RulesSerializer)
    def get_rules(self, prediction: Prediction) -> dict[str, Any]:
        """As it was when the photograph was analysed."""
        return stored_rules(prediction)

    @extend_schema_field(ImageUrlsSerializer)
    def get_images(self, prediction: Prediction) -> dict[str, str | None]:
        """Overlay and masks."""
        overlay = explanation = None
        if prediction.state == PredictionState.SUCCEEDED:
            overlay = self.link("prediction-overlay", prediction_id=prediction.pk)
        if prediction.explanation:
            explanation = self.link("prediction-explanation", prediction_id=prediction.pk)
        return {"overlay": overlay, **self._mask_urls(prediction), "explanation": explanation}

    def _mask_urls(self, prediction: Prediction) -> dict[str, str | None]:
        found = {row.lesion for row in prediction.lesions.all()}
        return {
            name: self.link("prediction-mask", prediction_id=prediction.pk, lesion=name) if name in found else None
            for name in Lesion.values
        }


class FailureSerializer(serializers.Serializer):
    """Why an analysis failed."""

    code = serializers.CharField()
    message = serializers.CharField()


class PendingSerializer(ApiSerializer):
    """An analysis and its place in the queue."""

    image_id = serializers.IntegerField()
    prediction_id = serializers.IntegerField(source="pk")
    model = serializers.CharField(source="model_name")
    detail = serializers.ChoiceField(Detail.choices)
    explain = serializers.BooleanField(help_text="Whether a map that explains the grade was asked for.")
    state = serializers.ChoiceField(PredictionState.choices)
    queue_position = serializers.SerializerMethodField(help_text="Analyses ahead of this one; null unless queued.")
    expected_wait_seconds = serializers.SerializerMethodField(
        help_text="Estimate until the result is there; null where it has ended or nobody can tell."
    )
    unattended = serializers.SerializerMethodField(
        help_text="It waits while no worker runs that could take it; the first that starts does."
    )
    status_url = serializers.HyperlinkedIdentityField(view_name="api:prediction", lookup_url_kwarg="prediction_id")

    def get_queue_position(self, prediction: Prediction) -> int | None:
        """Place in the queue."""
        return self._queue().ahead(prediction) if prediction.state == PredictionState.QUEUED else None

    def get_expected_wait_seconds(self, prediction: Prediction) -> int | None:
        """As fast as the newest analyses went."""
        return self._queue().wait_seconds(prediction) if prediction.is_open else None

    def get_unattended(self, prediction: Prediction) -> bool:
        """Whether nobody is there to take it."""
        return prediction.state == PredictionState.QUEUED and not self._queue().attended(prediction)

    def _queue(self) -> Queue:
        """Its pace is read once however many predictions are told."""
        if "queue" not in self.context:
            self.context["queue"] = queue_now()
        queue: Queue = self.context["queue"]
        return queue


class PredictionSerializer(PendingSerializer):
    """An analysis: how far it is, and its result once there is one."""

    study_id = serializers.IntegerField(source="image.study_id")
    state_label = serializers.CharField(source="get_state_display")
    stage = serializers.CharField(help_text="What the worker is at; empty unless running.")
    attempts = serializers.IntegerField()
    stalled = serializers.BooleanField(
        source="is_stalled", help_text="Its worker has fallen silent; the next free one takes over."
    )
    error = serializers.SerializerMethodField(help_text="Null unless it failed.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    result = serializers.SerializerMethodField(help_text="Null until the analysis has succeeded.")

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_error(self, prediction: Prediction) -> dict[str, str] | None:
        """Code and sentence, the sentence in the reader's language where it is known there."""
        if not prediction.error_code:
            return None
        return {"code": prediction.error_code, "message": prediction.error_sentence}

    @extend_schema_field(ResultSerializer(allow_null=True))
    def get_result(self, prediction: Prediction) -> dict[str, Any] | None:
        """What was found."""
        if prediction.state != PredictionState.SUCCEEDED:
            return None
        return dict(ResultSerializer(prediction, context=self.context).data)


class StageTimeSerializer(serializers.Serializer):
    """Seconds of one stage."""

    stage = serializers.CharField()
    label = serializers.CharField(help_text="In the language of the request.")  # type: ignore[assignment]
    seconds = serializers.FloatField()


class TimingsSerializer(serializers.Serializer):
    """Where the time of an upload and its analysis went."""

    stages = StageTimeSerializer(many=True)
    total = serializers.FloatField(help_text="Seconds from the last uploaded byte, if analysed at once.")


class ChosenSerializer(WithMessage, ResultSerializer):
    """The answer of choose_model: a result."""


class StillPendingSerializer(WithMessage, PendingSerializer):
    """The answer of choose_model while there is no result yet."""


class EditedSerializer(WithMessage, RevisionSerializer):
    """The answer of edit_image: the correction as it was kept."""

"""Photographs, studies, readings, reports and networks, as the API tells them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cases.api.serializers.api import ApiSerializer
from cases.api.serializers.eyes import LandmarksSerializer, QualitySerializer
from cases.api.serializers.readings import DecisionSerializer, ReadingSerializer
from cases.api.serializers.results import (
    CurrentMaskSerializer,
    PredictionSerializer,
    RevisionSerializer,
    WithMessage,
)
from cases.choices import DiabetesType, Field, Laterality, Sex, StudyQueue
from cases.models import Image, Study
from cases.selectors.decision import decision_of
from cases.selectors.mask import current_masks
from cases.selectors.prediction import latest_prediction
from cases.selectors.reading import reading_of, reading_state_of
from cases.selectors.signature import study_seen


class ImageSerializer(ApiSerializer):
    """A photograph with all that is known of it."""

    image_id = serializers.IntegerField(source="pk")
    study_id = serializers.IntegerField()
    filename = serializers.CharField()
    image_url = serializers.HyperlinkedIdentityField(view_name="api:image-original", lookup_url_kwarg="image_id")
    preview_url = serializers.HyperlinkedIdentityField(view_name="api:image-preview", lookup_url_kwarg="image_id")
    width = serializers.IntegerField(help_text="Pixels, upright.")
    height = serializers.IntegerField(help_text="Pixels, upright.")
    laterality = serializers.ChoiceField(Laterality.choices)
    field = serializers.ChoiceField(Field.choices)
    eye = serializers.ChoiceField(Laterality.choices, help_text="As stated, or else as proposed by `landmarks`.")
    landmarks = LandmarksSerializer()
    quality = QualitySerializer(source="*")
    field_of_view = serializers.DictField(help_text="Box, centre and radius of the retina in pixels.")
    camera = serializers.DictField(help_text="From EXIF.")
    sha256 = serializers.CharField()
    byte_size = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    predictions = PredictionSerializer(many=True, source="predictions.all", help_text="Newest first.")
    current_masks = serializers.SerializerMethodField(help_text="What holds now, per lesion; empty before a result.")
    revisions = RevisionSerializer(many=True, source="revisions.all")

    @extend_schema_field(CurrentMaskSerializer(many=True))
    def get_current_masks(self, image: Image) -> list[dict[str, Any]]:
        """The newest correction of each lesion over the newest result."""
        prediction = latest_prediction(image)
        masks = current_masks(image, prediction) if prediction else []
        return list(CurrentMaskSerializer(masks, many=True, context=self.context).data)


class UploadedSerializer(WithMessage):
    """The answer to an upload."""

    image_id = serializers.IntegerField(source="pk")
    study_id = serializers.IntegerField()
    image_url = serializers.HyperlinkedIdentityField(view_name="api:image-original", lookup_url_kwarg="image_id")
    preview_url = serializers.HyperlinkedIdentityField(view_name="api:image-preview", lookup_url_kwarg="image_id")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    quality = QualitySerializer(source="*")
    same_file_in = serializers.SerializerMethodField(help_text="Other studies of the clinic with the very same file.")

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_same_file_in(self, image: Image) -> list[int]:
        """Their ids."""
        twins: list[Image] = self.context["twins"]
        return [twin.study_id for twin in twins]


class PatientSerializer(ApiSerializer):
    """The person whose eyes are shown."""

    patient_id = serializers.IntegerField(source="pk")
    record_number = serializers.CharField()
    name = serializers.CharField()
    birth_date = serializers.DateField(allow_null=True)
    age = serializers.IntegerField(source="age_on", allow_null=True, help_text="Completed years, today.")
    sex = serializers.ChoiceField(Sex.choices)
    diabetes_type = serializers.ChoiceField(DiabetesType.choices)
    diabetes_since = serializers.IntegerField(allow_null=True)


class ReportSerializer(ApiSerializer):
    """A report that was handed out."""

    report_id = serializers.IntegerField(source="pk")
    language = serializers.CharField()
    created_at = serializers.DateTimeField()
    pdf_url = serializers.HyperlinkedIdentityField(view_name="api:report-pdf", lookup_url_kwarg="report_id")


class StudySerializer(ApiSerializer):
    """A visit with its photographs and what was found in them."""

    study_id = serializers.IntegerField(source="pk")
    clinic = serializers.CharField(source="clinic.name")
    patient = PatientSerializer(allow_null=True)
    visit_date = serializers.DateField()
    note = serializers.CharField()
    created_at = serializers.DateTimeField()
    images = ImageSerializer(many=True, source="images.all")
    reading = serializers.SerializerMethodField(help_text="The caller's own; null where there is none.")
    reports = ReportSerializer(many=True, source="reports.all", help_text="Newest first.")
    reading_state = serializers.SerializerMethodField(help_text="How far the study is read.")
    network_hidden = serializers.BooleanField(help_text="Results are hidden until both readers have signed.")
    decision = serializers.SerializerMethodField(help_text="Referral and recall; null where nothing can be said yet.")
    seen = serializers.SerializerMethodField(help_text="Digest of what is shown; whoever signs sends it back.")

    @extend_schema_field(serializers.ChoiceField(StudyQueue.choices))
    def get_reading_state(self, study: Study) -> str:
        """`to_read`, `to_adjudicate` or `signed`."""
        return reading_state_of(study)

    @extend_schema_field(DecisionSerializer(allow_null=True))
    def get_decision(self, study: Study) -> dict[str, Any] | None:
        """By the reading that holds, or proposed by the networks."""
        decision = decision_of(study)
        return None if decision is None else dict(DecisionSerializer(decision).data)

    def get_seen(self, study: Study) -> str:
        """Of photographs, newest results and masks in force."""
        return study_seen(study)

    @extend_schema_field(ReadingSerializer(allow_null=True))
    def get_reading(self, study: Study) -> dict[str, Any] | None:
        """What the caller wrote so far."""
        reading = reading_of(self.context["request"].user, study)
        return None if reading is None else dict(ReadingSerializer(reading, context=self.context).data)


class RevisionListSerializer(ApiSerializer):
    """The corrections of a photograph."""

    revisions = RevisionSerializer(many=True, help_text="Newest first within each lesion.")


class NetworkSerializer(serializers.Serializer):
    """An installed network, from its model card."""

    name = serializers.CharField(source="card.name", help_text="What choose_model takes as selectedModel.")
    label = serializers.CharField()  # type: ignore[assignment]  # a field's own attribute has this name too
    kind = serializers.ChoiceField((("segmentation", "segmentation"), ("grading", "grading")), source="card.kind")
    version = serializers.CharField(source="card.version")
    date = serializers.DateField(source="card.date")
    sha256 = serializers.CharField(source="card.sha256", help_text="Of the weights.")
    input_size = serializers.IntegerField(source="card.input_size", help_text="Pixels a side.")
    lesions = serializers.ListField(child=serializers.CharField(), source="card.lesions")
    default = serializers.BooleanField(help_text="Used where nothing else is chosen.")
    validation = serializers.DictField(
        source="card.validation", help_text="Figures measured on images that were not trained on."
    )


class NetworkListSerializer(serializers.Serializer):
    """The installed networks."""

    models = NetworkSerializer(many=True)

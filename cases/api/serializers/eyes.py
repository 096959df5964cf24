"""Quality, landmarks, the grade by rule and earlier visits, as the API tells them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cases.api.serializers.api import ApiSerializer
from cases.choices import Field, IcdrGrade, Laterality, Lesion, QualityVerdict
from cases.models import Image, Prediction
from cases.selectors.lesion_rules import CurrentRules, grades_disagree, only_sure_areas
from cases.selectors.visits import EarlierVisit
from inference.quality import explained
from inference.rules import NOT_ASSESSED, RULES


class ReasonSerializer(serializers.Serializer):
    """What is wrong with a photograph, and what to do about it."""

    code = serializers.CharField()
    severity = serializers.ChoiceField((("note", "note"), *QualityVerdict.choices[1:]))
    message = serializers.CharField()
    advice = serializers.CharField()


class QualitySerializer(ApiSerializer):
    """Whether a photograph can be graded: by the quality gate, or by a reader in its place."""

    verdict = serializers.CharField(help_text="gradable, limited or ungradable: what holds; empty: never judged.")
    verdict_label = serializers.SerializerMethodField()
    gate = serializers.CharField(source="quality_verdict", help_text="The quality gate's own verdict.")
    reasons = serializers.SerializerMethodField(help_text="The gate's.")
    measures = serializers.SerializerMethodField()
    override = serializers.CharField(source="quality_override", help_text="A reader's verdict; empty where none.")
    note = serializers.CharField(source="quality_note")
    overridden_by = serializers.SerializerMethodField()
    overridden_at = serializers.DateTimeField(source="quality_overridden_at", allow_null=True)

    def get_verdict_label(self, image: Image) -> str:
        """In the language of the request."""
        return str(QualityVerdict(image.verdict).label) if image.verdict else ""

    @extend_schema_field(ReasonSerializer(many=True))
    def get_reasons(self, image: Image) -> list[dict[str, str]]:
        """In the language of the request."""
        return [_explained(reason) for reason in image.quality.get("reasons", [])]

    @extend_schema_field(serializers.DictField(child=serializers.FloatField()))
    def get_measures(self, image: Image) -> dict[str, float]:
        """What was measured."""
        return dict(image.quality.get("measures", {}))

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_overridden_by(self, image: Image) -> str | None:
        """The reader's name."""
        reader = image.quality_overridden_by
        return reader.display_name() if reader else None


def _explained(reason: dict[str, str]) -> dict[str, str]:
    message, advice = explained(reason)
    return {**reason, "message": gettext(message), "advice": gettext(advice)}


class LandmarkSerializer(serializers.Serializer):
    """A place in pixels of the upright photograph."""

    x = serializers.FloatField()
    y = serializers.FloatField()
    confidence = serializers.FloatField(help_text="0-1; 1 where a person placed it. It counts from 0.5 on.")


class LandmarksSerializer(serializers.Serializer):
    """Optic disc and fovea, and what they propose."""

    disc = LandmarkSerializer(allow_null=True, default=None)
    fovea = LandmarkSerializer(allow_null=True, default=None)
    laterality = serializers.ChoiceField(Laterality.choices, default=Laterality.UNKNOWN)
    field = serializers.ChoiceField(Field.choices, default=Field.UNKNOWN)
    upside_down = serializers.BooleanField(default=False)


class FindingSerializer(serializers.Serializer):
    """A rule that fired."""

    code = serializers.CharField()
    grade = serializers.IntegerField(min_value=0, max_value=3)
    message = serializers.CharField()
    lesion = serializers.CharField(help_text="Empty where no lesion was found.")
    count = serializers.IntegerField()
    quadrants = serializers.DictField(child=serializers.IntegerField(), help_text="Count by quadrant; may be empty.")
    regions = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()), help_text="Boxes x, y, width, height in pixels."
    )


class MaculaSerializer(serializers.Serializer):
    """Hard exudates near the fovea: a proxy for macular oedema."""

    state = serializers.CharField(help_text="none, possible, referable or unknown; empty for older results.")
    radius = serializers.FloatField(allow_null=True, help_text="One disc diameter, in pixels.")
    fovea = serializers.ListField(child=serializers.FloatField(), allow_null=True)
    nearest = serializers.FloatField(allow_null=True, help_text="Nearest hard exudate, in disc diameters.")


class RulesSerializer(serializers.Serializer):
    """The ICDR grade that lesion masks show by rule."""

    grade = serializers.IntegerField(allow_null=True, min_value=0, max_value=3, help_text="A lower bound.")
    grade_label = serializers.CharField()
    disagrees = serializers.BooleanField(help_text="With the network's grade, by the clinic's limit.")
    findings = FindingSerializer(many=True)
    macula = MaculaSerializer()
    not_assessed = serializers.ListField(
        child=serializers.CharField(), help_text="Signs that four lesions cannot show."
    )
    only_sure = serializers.BooleanField(
        help_text="Whether areas of the network's own masks count only where it is sure of them."
    )
    corrected = serializers.BooleanField(help_text="Whether a person changed one of the masks.")


def stored_rules(prediction: Prediction) -> dict[str, Any]:
    """What the network's own masks gave when the photograph was analysed."""
    macula = prediction.macula or {"state": "", "radius": None, "fovea": None, "nearest": None}
    return _told(prediction, prediction.rule_grade, prediction.rule_findings, macula, corrected=False)


def told_rules(rules: CurrentRules, prediction: Prediction) -> dict[str, Any]:
    """What the masks that hold now give."""
    found = rules.grade
    return _told(prediction, found.grade, found.findings_json(), asdict(found.macula), corrected=rules.corrected)


def _told(
    prediction: Prediction,
    grade: int | None,
    findings: list[dict[str, Any]],
    macula: dict[str, Any],
    *,
    corrected: bool,
) -> dict[str, Any]:
    difference = prediction.image.study.clinic.grade_difference
    return {
        "grade": grade,
        "grade_label": "" if grade is None else str(IcdrGrade(grade).label),
        "disagrees": grades_disagree(Prediction(grade=prediction.grade, rule_grade=grade), difference=difference),
        "findings": [{**finding, "message": gettext(RULES.get(finding["code"], ""))} for finding in findings],
        "macula": macula,
        "not_assessed": [gettext(sign) for sign in NOT_ASSESSED],
        "only_sure": only_sure_areas(prediction),
        "corrected": corrected,
    }


class ChangeSerializer(serializers.Serializer):
    """One lesion kind on an earlier visit, and how much there is more now."""

    lesion = serializers.ChoiceField(Lesion.choices)
    count = serializers.IntegerField()
    area_disc = serializers.FloatField()
    count_change = serializers.IntegerField(allow_null=True)
    area_change = serializers.FloatField(allow_null=True)


class EarlierPhotographSerializer(ApiSerializer):
    """A photograph of an earlier visit."""

    image_id = serializers.IntegerField(source="image.pk")
    preview_url = serializers.SerializerMethodField()
    eye = serializers.ChoiceField(Laterality.choices)
    field = serializers.ChoiceField(Field.choices)
    grade = serializers.IntegerField(allow_null=True)
    rule_grade = serializers.IntegerField(allow_null=True)
    paired = serializers.BooleanField(help_text="Whether the study has a photograph of the same eye and field.")
    lesions = ChangeSerializer(many=True)

    def get_preview_url(self, row: Any) -> str:
        """Upright JPEG."""
        return self.link("image-preview", image_id=row.image.pk)


class EarlierVisitSerializer(ApiSerializer):
    """A visit before that of the study."""

    study_id = serializers.IntegerField(source="study.pk")
    visit_date = serializers.DateField(source="study.visit_date")
    photographs = EarlierPhotographSerializer(many=True)


class VisitsSerializer(ApiSerializer):
    """The patient's earlier visits, newest first."""

    visits = serializers.SerializerMethodField()

    @extend_schema_field(EarlierVisitSerializer(many=True))
    def get_visits(self, visits: list[EarlierVisit]) -> list[dict[str, Any]]:
        """The newest few."""
        return list(EarlierVisitSerializer(visits, many=True, context=self.context).data)


class QualityInput(serializers.Serializer):
    """A reader's verdict in place of the gate's."""

    verdict = serializers.ChoiceField(QualityVerdict.choices, allow_blank=True, help_text="Empty: the gate's holds.")
    note = serializers.CharField(allow_blank=True, max_length=2000, help_text="Why; needed with a verdict.")


class LandmarkInput(serializers.Serializer):
    """Where a person sees optic disc or fovea, in pixels of the upright photograph."""

    kind = serializers.ChoiceField((("disc", "disc"), ("fovea", "fovea")))
    x = serializers.FloatField()
    y = serializers.FloatField()

"""Readings, signatures and decisions, as the API tells them."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cases.api.serializers.api import ApiSerializer
from cases.choices import (
    Finding,
    Gradability,
    IcdrGrade,
    Laterality,
    MacularOedema,
    ReadingKind,
    ReadingState,
    Referral,
    Standing,
)
from cases.decision import Decision, EyeDecision
from cases.models import Reading
from cases.selectors.signature import signature_problems


class ReadingSerializer(ApiSerializer):
    """What a reader states; locked and hashed once it is signed."""

    reading_id = serializers.IntegerField(source="pk")
    study_id = serializers.IntegerField()
    reader = serializers.CharField(source="reader.display_name")
    kind = serializers.ChoiceField(ReadingKind.choices)
    state = serializers.ChoiceField(ReadingState.choices)
    version = serializers.IntegerField(help_text="Counts up with each amendment.")
    amends = serializers.IntegerField(source="amends_id", allow_null=True, help_text="The reading this one replaces.")
    reason = serializers.CharField(help_text="Of the amendment.")
    diagnosis = serializers.CharField()
    grade_od = serializers.ChoiceField(IcdrGrade.choices, allow_null=True)
    grade_os = serializers.ChoiceField(IcdrGrade.choices, allow_null=True)
    macula_od = serializers.ChoiceField(MacularOedema.choices, allow_blank=True)
    macula_os = serializers.ChoiceField(MacularOedema.choices, allow_blank=True)
    gradability_od = serializers.ChoiceField(Gradability.choices, allow_blank=True)
    gradability_os = serializers.ChoiceField(Gradability.choices, allow_blank=True)
    updated_at = serializers.DateTimeField()
    signed_at = serializers.DateTimeField(allow_null=True)
    sha256 = serializers.CharField(help_text="Of the signed document; empty before.")


class ReadingListSerializer(ApiSerializer):
    """The readings of a study that the caller may see."""

    readings = ReadingSerializer(many=True, help_text="Oldest first, every version.")


class SignatureSerializer(ApiSerializer):
    """A signature, checked now."""

    reading_id = serializers.IntegerField(source="pk")
    sha256 = serializers.CharField()
    signed_at = serializers.DateTimeField()
    reader = serializers.CharField(source="reader.display_name")
    version = serializers.IntegerField()
    document = serializers.CharField(source="snapshot", help_text="What was signed; the sha256 is of these characters.")
    problems = serializers.SerializerMethodField(help_text="What no longer agrees; empty where it is valid.")
    valid = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_problems(self, reading: Reading) -> list[str]:
        """Found by comparing the document with the rows and files it names."""
        if "problems" not in self.context:
            self.context["problems"] = signature_problems(reading)
        problems: list[str] = self.context["problems"]
        return problems

    def get_valid(self, reading: Reading) -> bool:
        """Whether there are no problems."""
        return not self.get_problems(reading)


class EyeDecisionSerializer(serializers.Serializer):
    """What follows for one eye."""

    eye = serializers.ChoiceField(Laterality.choices)
    findings = serializers.ListField(child=serializers.ChoiceField(Finding.choices))
    finding_labels = serializers.ListField(child=serializers.CharField())
    referral = serializers.ChoiceField(Referral.choices)
    referral_label = serializers.SerializerMethodField()
    months = serializers.IntegerField(allow_null=True, help_text="Next examination within so many months of the visit.")

    def get_referral_label(self, decision: EyeDecision) -> str:
        """In the language of the request."""
        return str(decision.referral.label)


class DecisionSerializer(serializers.Serializer):
    """What follows for the patient, by the worse eye."""

    proposed = serializers.BooleanField(help_text="True: by the networks alone; no reading holds yet.")
    standing = serializers.ChoiceField(Standing.choices)
    standing_label = serializers.SerializerMethodField()
    referral = serializers.ChoiceField(Referral.choices)
    referral_label = serializers.SerializerMethodField()
    months = serializers.IntegerField(allow_null=True, help_text="Next examination within so many months of the visit.")
    retake = serializers.BooleanField(help_text="An eye should be photographed (again).")
    pending = serializers.ListField(child=serializers.CharField(), help_text="Eyes that are not judged yet.")
    eyes = EyeDecisionSerializer(many=True)

    def get_referral_label(self, decision: Decision) -> str:
        """In the language of the request."""
        return str(decision.referral.label)

    def get_standing_label(self, decision: Decision) -> str:
        """In the language of the request."""
        return str(decision.standing.label)


class DecisionAnswerSerializer(ApiSerializer):
    """The answer of the decision endpoint."""

    study_id = serializers.IntegerField()
    decision = DecisionSerializer(allow_null=True)

"""Versions of the networks, as the API tells them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from cases.choices import NetworkState
from cases.selectors.network_version import KnownVersion


class NetworkVersionSerializer(serializers.Serializer):
    """A version of a network."""

    name = serializers.CharField()
    version = serializers.CharField()
    sha256 = serializers.CharField(help_text="Of the weights.")
    state = serializers.ChoiceField(NetworkState.choices)
    shipped = serializers.SerializerMethodField(help_text="Whether it came with the system.")
    installed_at = serializers.DateTimeField(source="row.installed_at", allow_null=True, default=None)
    card = serializers.SerializerMethodField(help_text="Null where the files are missing on the answering machine.")
    proven_engines = serializers.ListField(
        child=serializers.CharField(),
        help_text="Engines in fewer bits than float32 that were measured to keep Dice and grades within bounds.",
    )
    comparison = serializers.DictField(
        source="row.comparison", default=dict, help_text="Of a proposed version: its figures and the active one's."
    )

    def get_shipped(self, version: KnownVersion) -> bool:
        """Versions that were installed have a row."""
        return version.row is None

    def get_card(self, version: KnownVersion) -> dict[str, Any] | None:
        """The model card."""
        return version.card.to_dict() if version.card else None


class NetworkVersionListSerializer(serializers.Serializer):
    """All versions."""

    versions = NetworkVersionSerializer(many=True)


class ActivationSerializer(serializers.Serializer):
    """One change of a network's active version."""

    name = serializers.CharField()
    version = serializers.CharField()
    sha256 = serializers.CharField()
    previous_sha256 = serializers.CharField(help_text="Empty where no version was active before.")
    rolled_back = serializers.BooleanField()
    activated_at = serializers.DateTimeField()

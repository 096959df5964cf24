from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.api.schema import answers
from cases.api.serializers.records import NetworkListSerializer
from cases.networks import installed_networks, network_choices


class Networks(APIView):
    """The networks that are installed."""

    @extend_schema(tags=["Records"], summary="List the installed networks", responses=answers(NetworkListSerializer))
    def get(self, request: Request) -> Response:
        """Each with its version and the figures it was validated with; graders are used with every other network."""
        default = {choice.name for choice in network_choices() if choice.is_default}
        networks = [
            {"card": network.card, "label": network.label, "default": network.card.name in default}
            for network in installed_networks()
        ]
        return Response(NetworkListSerializer({"models": networks}).data)

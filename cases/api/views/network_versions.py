from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.api.parsing import caller, parsed
from cases.api.schema import answers, error_example
from cases.api.serializers.inputs import InstallInput
from cases.api.serializers.networks import ActivationSerializer, NetworkVersionListSerializer, NetworkVersionSerializer
from cases.permissions import authorize_system
from cases.selectors.network_version import KnownVersion, known_versions, version_get
from cases.services.network_version import (
    network_version_activate,
    network_version_install,
    network_version_retire,
    network_version_roll_back,
)


class NetworkVersions(APIView):
    """Versions of the networks, of which one each is active."""

    parser_classes = (MultiPartParser,)

    @extend_schema(tags=["Networks"], summary="List the versions", responses=answers(NetworkVersionListSerializer, 403))
    def get(self, request: Request) -> Response:
        """Every version of every network, with its card. For system administrators, as is all below."""
        authorize_system(caller(request))
        return Response(NetworkVersionListSerializer({"versions": known_versions()}).data)

    @extend_schema(
        tags=["Networks"],
        summary="Install a version",
        request={"multipart/form-data": InstallInput},
        responses=answers(NetworkVersionSerializer, 400, 403, 409, 413),
        examples=[
            error_example("files_wrong", "A model is two plain files, ...", 400),
            error_example("version_exists", "Version 2 of unet-lite, or its weights ..., are here already.", 409),
        ],
    )
    def post(self, request: Request) -> Response:
        """Check a zip or tar of `card.json` and `model.safetensors` and keep it; it is not active yet."""
        authorize_system(caller(request))
        model = parsed(InstallInput, request).validated_data["model"]
        row = network_version_install(user=caller(request), source=model.file)
        return _told(row.name, row.sha256)


class NetworkVersionActivate(APIView):
    """Lets a version answer requests."""

    @extend_schema(
        tags=["Networks"],
        summary="Activate a version",
        request=None,
        responses=answers(ActivationSerializer, 403, 404, 409, 503),
    )
    def post(self, request: Request, name: str, sha256: str) -> Response:
        """From the next request on; waiting photographs are analysed by what was active when they were queued."""
        authorize_system(caller(request))
        _known(name, sha256)
        change = network_version_activate(user=caller(request), name=name, sha256=sha256)
        return Response(ActivationSerializer(change).data)


class NetworkVersionRetire(APIView):
    """Takes a version out of the choice."""

    @extend_schema(
        tags=["Networks"],
        summary="Retire a version",
        request=None,
        responses=answers(NetworkVersionSerializer, 403, 404, 409),
    )
    def post(self, request: Request, name: str, sha256: str) -> Response:
        """Its files and results stay."""
        authorize_system(caller(request))
        _known(name, sha256)
        network_version_retire(user=caller(request), name=name, sha256=sha256)
        return _told(name, sha256)


class NetworkRollBack(APIView):
    """Goes back."""

    @extend_schema(
        tags=["Networks"],
        summary="Roll back to the version before",
        request=None,
        responses=answers(ActivationSerializer, 403, 409, 503),
    )
    def post(self, request: Request, name: str) -> Response:
        """Called again, it goes back one version more."""
        authorize_system(caller(request))
        change = network_version_roll_back(user=caller(request), name=name)
        return Response(ActivationSerializer(change).data)


def _known(name: str, sha256: str) -> KnownVersion:
    version = version_get(name, sha256)
    if version is None:
        raise Http404
    return version


def _told(name: str, sha256: str) -> Response:
    return Response(NetworkVersionSerializer(_known(name, sha256)).data)

from __future__ import annotations

from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.api.files import stored_file
from cases.api.parsing import caller, parsed
from cases.api.schema import NOT_MODIFIED, PNG, answers, error_example
from cases.api.serializers.inputs import EditInput
from cases.api.serializers.results import EditedSerializer
from cases.selectors.image import latest_image
from cases.selectors.mask import revision_get
from cases.services.mask_revision import mask_revision_create


class EditImage(APIView):
    """Corrected masks come in here."""

    parser_classes = (MultiPartParser,)

    @extend_schema(
        tags=["Main flow"],
        summary="Save a corrected mask",
        request={"multipart/form-data": EditInput},
        responses=answers(EditedSerializer, 400, 403, 404, 409, 413, 415),
        examples=[
            error_example(
                "newer_revision",
                "Somebody saved a newer version of this mask while you were working. Compare both, then save again.",
                409,
                latest_revision=3,
                author="reader",
                created_at="2026-03-01T10:00:00+00:00",
            ),
            error_example("wrong_mask_size", "The mask is 512 x 512 pixels, the photograph 4288 x 2848. ...", 400),
        ],
    )
    def post(self, request: Request) -> Response:
        """Keep a correction of the caller's latest upload, or of the photograph that `image_id` or `study_id` names.

        Each save is a new revision with its author and time; the network's masks and earlier revisions stay. The
        picture is a mask (white is lesion), a drawing on a transparent ground, or an edited overlay, and has the
        photograph's size. `lesion` says which kind it shows; hard exudates (EX) where it is left out.
        """
        data = parsed(EditInput, request)
        image = latest_image(caller(request), **data.target())
        revision = mask_revision_create(
            user=caller(request),
            image=image,
            lesion=data.validated_data["lesion"],
            content=data.validated_data["image"].read(),
            base_revision=data.validated_data.get("base_revision"),
        )
        context = {"request": request, "message": _("The corrected mask is saved.")}
        return Response(EditedSerializer(revision, context=context).data)


class RevisionMask(APIView):
    """A corrected mask."""

    @extend_schema(
        tags=["Files"],
        summary="Download a corrected mask",
        parameters=[NOT_MODIFIED],
        responses=answers(bytes, 404, media_type=PNG),
    )
    def get(self, request: Request, revision_id: int) -> HttpResponseBase:
        """1-bit PNG of the photograph's size; white is lesion."""
        revision = revision_get(caller(request), revision_id)
        filename = f"image-{revision.image_id}-{revision.lesion}-r{revision.number}.png"
        return stored_file(request, revision.mask, filename=filename)

from __future__ import annotations

from collections.abc import Sequence

from django.db.models.fields.files import FieldFile
from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cases.api.files import stored_file
from cases.api.parsing import caller, parsed
from cases.api.schema import JPEG, NOT_MODIFIED, answers, error_example
from cases.api.serializers.inputs import ImageInput, UploadInput
from cases.api.serializers.records import ImageSerializer, RevisionListSerializer, UploadedSerializer
from cases.choices import Access, Lesion
from cases.errors import ApplicationError
from cases.models import Image
from cases.selectors.image import image_get, image_with_results, twins_of
from cases.selectors.study import study_header
from cases.services.history import access_record
from cases.services.image import image_update, image_upload


class UploadImage(APIView):
    """Photographs come in here."""

    parser_classes = (MultiPartParser,)

    @extend_schema(
        tags=["Main flow"],
        summary="Upload a fundus photograph",
        request={"multipart/form-data": UploadInput},
        responses=answers(UploadedSerializer, 400, 403, 404, 409, 413, 415),
        examples=[
            error_example("not_an_image", "The file is not an image that can be read: ...", 415),
            error_example("file_too_large", "The file is 80 MB; the limit is 50 MB. ...", 413, limit_mb=50),
        ],
    )
    def post(self, request: Request) -> Response:
        """Keep the photograph as it is. Nothing is stored unless it can be read and shows a fundus.

        Without `study_id` a new study is opened in the caller's clinic.
        """
        data = parsed(UploadInput, request).validated_data
        study_id = data.get("study_id")
        image = image_upload(
            user=caller(request),
            upload=data["image"],
            study=None if study_id is None else study_header(caller(request), study_id),
            laterality=data["laterality"],
            field=data["field"],
        )
        twins = list(twins_of(caller(request), image))
        context = {"request": request, "message": _stored(twins), "twins": twins}
        return Response(UploadedSerializer(image, context=context).data)


class ImageDetail(APIView):
    """One photograph."""

    @extend_schema(tags=["Records"], summary="Read a photograph", responses=answers(ImageSerializer, 404))
    def get(self, request: Request, image_id: int) -> Response:
        """The photograph with its predictions, the masks that hold now, and all corrections."""
        image = image_with_results(caller(request), image_id)
        access_record(record=image, access=Access.VIEWED)
        return Response(ImageSerializer(image, context={"request": request}).data)

    @extend_schema(
        tags=["Records"],
        summary="State which eye and field a photograph shows",
        request=ImageInput,
        responses=answers(ImageSerializer, 400, 403, 404),
    )
    def patch(self, request: Request, image_id: int) -> Response:
        """Change `laterality`, `field` or both; what is left out stays."""
        data = parsed(ImageInput, request).validated_data
        image = image_with_results(caller(request), image_id)
        image_update(
            user=caller(request),
            image=image,
            laterality=data.get("laterality", image.laterality),
            field=data.get("field", image.field),
        )
        return Response(ImageSerializer(image, context={"request": request}).data)


class ImageOriginal(APIView):
    """The photograph as it was uploaded."""

    @extend_schema(
        tags=["Files"],
        summary="Download the original photograph",
        parameters=[NOT_MODIFIED],
        responses=answers(bytes, 404, media_type="image/*"),
    )
    def get(self, request: Request, image_id: int) -> HttpResponseBase:
        """Byte for byte what was uploaded; an EXIF orientation is not applied."""
        image = image_get(caller(request), image_id)
        return stored_file(request, image.original, filename=_name(image, image.original))


class ImagePreview(APIView):
    """The photograph for the screen."""

    @extend_schema(
        tags=["Files"],
        summary="Download a preview",
        parameters=[NOT_MODIFIED],
        responses=answers(bytes, 404, media_type=JPEG),
    )
    def get(self, request: Request, image_id: int) -> HttpResponseBase:
        """Upright JPEG, its longer side at most 2048 pixels."""
        image = image_get(caller(request), image_id)
        return stored_file(request, image.preview, filename=_name(image, image.preview))


class ImageRevisions(APIView):
    """Corrections of one photograph."""

    @extend_schema(
        tags=["Records"],
        summary="List the corrections of a photograph",
        parameters=[OpenApiParameter("lesion", str, enum=Lesion.values, description="Only of this lesion kind.")],
        responses=answers(RevisionListSerializer, 400, 404),
    )
    def get(self, request: Request, image_id: int) -> Response:
        """All corrections; each keeps its author and time."""
        lesion = request.query_params.get("lesion")
        if lesion is not None and lesion not in Lesion.values:
            raise ApplicationError(
                "unknown_lesion", _("“%(lesion)s” is no lesion kind. Use EX, SE, HE or MA.") % {"lesion": lesion}
            )
        image = image_with_results(caller(request), image_id)
        access_record(record=image, access=Access.VIEWED)
        shown = [revision for revision in image.revisions.all() if lesion in (None, revision.lesion)]
        return Response(RevisionListSerializer({"revisions": shown}, context={"request": request}).data)


def _stored(twins: Sequence[Image]) -> str:
    if not twins:
        return _("The photograph is stored.")
    study = twins[0].study_id
    return _("The photograph is stored. The very same file is also in study %(study)d.") % {"study": study}


def _name(image: Image, file: FieldFile) -> str:
    return f"image-{image.pk}{str(file.name)[-4:]}"

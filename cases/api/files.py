"""Stored files as answers. Who may see them is asked before; nothing has an address of its own."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import cast

from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, quote_etag
from rest_framework.request import Request

from cases.services.history import access_file

CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
    ".pdf": "application/pdf",
}


def stored_file(request: Request, file: FieldFile, *, filename: str, attachment: bool = False) -> HttpResponseBase:
    """The file's content, or 304 where the caller has it already.

    Stored names are unique and contents never change, so the name serves as ETag. The caller's browser may keep the
    file but asks again each time, so that a person who left the clinic no longer sees it. The content passes through
    this process on S3 as well: a redirect to another host would be stopped by the pages' Content-Security-Policy and
    make the canvas of the mask editor unreadable.
    """
    access_file(file=file)
    path = PurePosixPath(str(file.name))
    etag = quote_etag(path.stem)
    unchanged = get_conditional_response(cast(HttpRequest, request), etag=etag)
    if unchanged is not None:
        return _with_headers(unchanged, etag)
    with file.open("rb") as stored:
        response = HttpResponse(stored.read(), content_type=CONTENT_TYPES[path.suffix])
    disposition = content_disposition_header(attachment, filename)
    if disposition:
        response["Content-Disposition"] = disposition
    return _with_headers(response, etag)


def _with_headers(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    return response

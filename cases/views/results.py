"""How well the networks do: the published document, and the figures on the cards of the installed ones."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.clickjacking import xframe_options_sameorigin

from cases.networks import installed_networks


def results(request: HttpRequest) -> HttpResponse:
    """The document in the language of the page, where one is published, and the figures in any case."""
    language = get_language() or settings.LANGUAGE_CODE
    published = [(code, name) for code, name in settings.LANGUAGES if _document(code) is not None]
    return render(
        request,
        "cases/results.html",
        {
            "language": language,
            "published": published,
            "has_document": language in dict(published),
            "cards": installed_networks(),
        },
    )


@xframe_options_sameorigin
def document(request: HttpRequest, language: str) -> FileResponse:
    """The PDF in one language. Raises `Http404` where it is not published."""
    path = _document(language)
    if path is None:
        raise Http404
    return FileResponse(path.open("rb"), content_type="application/pdf", filename=f"drweb-results.{language}.pdf")


def _document(language: str) -> Path | None:
    """An installation's own document (``DRWEB_DATA_DIR/results/LANGUAGE.pdf``) goes before the shipped one."""
    if language not in dict(settings.LANGUAGES):
        return None
    folders = (settings.DRWEB_DATA_DIR / "results", settings.BASE_DIR / "docs" / "results")
    return next((path for folder in folders if (path := folder / f"{language}.pdf").is_file()), None)

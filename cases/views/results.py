"""How well the networks do: the document on method and results, and the figures on the cards of the installed ones."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.clickjacking import xframe_options_sameorigin

from cases.networks import installed_networks
from cases.services.results import results_build


def results(request: HttpRequest) -> HttpResponse:
    """The document in the language of the page, and the figures of the installed networks."""
    language = get_language() or settings.LANGUAGE_CODE
    cards = installed_networks()
    return render(
        request,
        "cases/results.html",
        {"language": language, "has_document": bool(cards) or _own(language) is not None, "cards": cards},
    )


@xframe_options_sameorigin
def document(request: HttpRequest, language: str) -> FileResponse:
    """The PDF in one language. Raises `Http404` for another language, or where no network is installed."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    path = _own(language) or results_build(language=language)
    if path is None:
        raise Http404
    return FileResponse(path.open("rb"), content_type="application/pdf", filename=f"drweb-results.{language}.pdf")


def _own(language: str) -> Path | None:
    """An installation's own document, ``DRWEB_DATA_DIR/results/LANGUAGE.pdf``, goes before the one made here."""
    path = Path(settings.DRWEB_DATA_DIR) / "results" / f"{language}.pdf"
    return path if path.is_file() else None

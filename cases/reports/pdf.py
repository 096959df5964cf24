"""From a layout and its data to a PDF, by Typst."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typst
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from cases.reports.fonts import FOLDER, printable, undrawable

LAYOUTS = Path(settings.BASE_DIR) / "templates" / "reports"


@dataclass(frozen=True)
class PdfDocument:
    """What the file says of itself, its layout in templates/reports, the layout's data, and the pictures it names.

    `reference` stands before the page number, `words` are the layout's own, `data` is what JSON can hold.
    """

    title: str
    author: str
    layout: str
    words: Mapping[str, object]
    data: Mapping[str, Any]
    figures: Mapping[str, bytes]
    reference: str = ""


def render_pdf(document: PdfDocument) -> bytes:
    """Draw the document.

    Text reaches the layout as data and is never read as markup. The layout sees one folder, which holds its data and
    pictures and nothing else, and the fonts of static/fonts.
    """
    common = {"page": _("Page"), "statement": _statement()}
    content = {
        "title": document.title,
        "author": document.author,
        "language": get_language(),
        "reference": document.reference,
        "words": {**common, **document.words},
        "warnings": [],
        **document.data,
    }
    if missing := undrawable(json.dumps(content, ensure_ascii=False)):
        codes = ", ".join(f"U+{ord(char):04X}" for char in missing)
        content["warnings"] = [*content["warnings"], _cannot_be_printed(codes)]
    with tempfile.TemporaryDirectory(prefix="drweb-pdf-") as folder:
        for layout in LAYOUTS.glob("*.typ"):
            shutil.copy(layout, folder)
        Path(folder, "document.json").write_text(json.dumps(_printed(content), ensure_ascii=False), "utf-8")
        for name, picture in document.figures.items():
            Path(folder, name).write_bytes(picture)
        return typst.compile(
            Path(folder, document.layout),
            root=Path(folder),
            font_paths=_fonts(),
            ignore_system_fonts=True,
            format="pdf",
        )


def _statement() -> str:
    return _("Decision support without regulatory clearance. A qualified reader must confirm every finding.")


def _cannot_be_printed(codes: str) -> str:
    return _("Some characters cannot be printed in this report and are given by their Unicode numbers: %(codes)s.") % {
        "codes": codes
    }


def _printed(value: Any) -> Any:
    """`value` with all its texts as they can be drawn."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: _printed(each) for key, each in value.items()}
    return [_printed(each) for each in value] if isinstance(value, list | tuple) else value


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FOLDER])

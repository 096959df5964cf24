"""From a template to a PDF, by xhtml2pdf with its doors shut."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from django.template.loader import render_to_string

from cases.reports.fonts import EMBEDDED, font_path, printable, undrawable


@dataclass(frozen=True)
class PdfDocument:
    """A template's name and context, the pictures it names as `figure:NAME`, and what the file says of itself."""

    title: str
    author: str
    template: str
    context: Mapping[str, object]
    figures: Mapping[str, bytes]


def render_pdf(document: PdfDocument) -> bytes:
    """Draw the document.

    Nothing outside it is read: pictures come from `figures`, fonts from static/fonts, and xhtml2pdf's policy refuses
    every other file and address (a markup in user text is escaped by the template and never gets that far).
    """
    from reportlab import rl_config
    from xhtml2pdf import pisa  # imported here: only a report needs it
    from xhtml2pdf.config.resources import ResourceAccessPolicy

    # Plain binary streams: the text encoding of old is pure Python, and cost more time than all the rest.
    rl_config.useA85 = 0

    def resource(uri: str, _relative_to: str) -> bytes | str | None:
        kind, _, name = uri.partition(":")
        if kind == "figure":
            return document.figures.get(name)
        if kind == "font" and name.removesuffix(".ttf") in fonts:
            return str(fonts[name.removesuffix(".ttf")])
        return None

    fonts = {family: font_path(family) for family in EMBEDDED}
    policy = ResourceAccessPolicy.server(extra_roots=tuple(fonts.values()), allow_remote=False)
    output = io.BytesIO()
    result = pisa.CreatePDF(
        _html(document),
        dest=output,
        encoding="utf-8",
        link_callback=resource,
        resource_policy=policy,
        context_meta={"title": document.title, "author": document.author},
    )
    if result.err:
        raise RuntimeError(f"xhtml2pdf reported {result.err} errors")
    return output.getvalue()


def _html(document: PdfDocument) -> str:
    html = render_to_string(document.template, {**document.context, "undrawable": []})
    if missing := undrawable(html):
        codes = [f"U+{ord(char):04X}" for char in missing]
        html = render_to_string(document.template, {**document.context, "undrawable": codes})
    return printable(html)

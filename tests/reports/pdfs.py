"""Reading a PDF back: its words, its pictures, and the ink of single characters."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pypdf
import pypdfium2

from cases.models import Report

SCALE = 4  # pixels per point


def content(report: Report) -> bytes:
    with report.pdf.open("rb") as file:
        return file.read()


def pages(pdf: bytes) -> list[str]:
    """The words of each page, with white space made single so that line breaks of the layout do not matter."""
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(BytesIO(pdf)).pages]


def text(report: Report) -> str:
    return " ".join(pages(content(report)))


def pictures(pdf: bytes) -> list[np.ndarray]:
    """The embedded pictures as uint8 RGB, in the order in which they are drawn."""
    return [
        np.asarray(image.get_bitmap().to_pil().convert("RGB"))
        for page in pypdfium2.PdfDocument(pdf)
        for image in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])
    ]


def glyphs(pdf: bytes, characters: str) -> dict[str, np.ndarray]:
    """Rendered pixels (uint8 grey, 0 is ink) of the first place where each of `characters` stands."""
    found: dict[str, np.ndarray] = {}
    for page in pypdfium2.PdfDocument(pdf):
        pixels = page.render(scale=SCALE).to_numpy().min(axis=2)
        for char, (left, bottom, right, top) in _boxes(page):
            if char in characters and char not in found:
                height = page.get_height()
                rows = slice(int((height - top) * SCALE), int((height - bottom) * SCALE) + 1)
                found[char] = pixels[rows, int(left * SCALE) : int(right * SCALE) + 1]
    return found


def _boxes(page: pypdfium2.PdfPage) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    words = page.get_textpage()
    for index in range(words.count_chars()):
        yield words.get_text_range(index, 1), words.get_charbox(index)

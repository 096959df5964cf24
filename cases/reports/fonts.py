"""The letters of a report: which characters can be drawn, how wide they are, and where a line may end.

Helvetica draws Western text, Droid Sans Fallback the Chinese and Japanese, DejaVu Sans the other alphabets. What none
of them has is written as its code point, never left blank: a name with a hole in it may be another person's name.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.contrib.staticfiles import finders
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

LATIN = "Helvetica"
# Family name in the style sheet -> file in static/fonts, in the order in which they are asked.
EMBEDDED = {"report-cjk": "DroidSansFallbackFull.ttf", "report-other": "DejaVuSans.ttf"}
# The name under which xhtml2pdf registers the upright face of a family; fonts found there are not read twice.
_REGISTERED = "{family}_00"
_REGISTERING = threading.Lock()

# Ideographs, kana, hangul and full-width forms: a line may end between any two of them ...
_WIDE = (
    "\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3"
    "\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003ffff"
)
# ... but closing marks stay with what they close, and opening marks with what they open.
_CLOSING = "，。、；：！？）》」』】〕〉”’…％,.;:!?)%"
_OPENING = "（《「『【〔〈“‘("
_UNITS = re.compile(
    rf"[{re.escape(_OPENING)}]*[{_WIDE}][{re.escape(_CLOSING)}]*"  # one ideograph and its marks
    rf"|[^\s{_WIDE}]+(?: %)?[，。、；：！？）》」』】〕〉％]*"  # a word or a number, never cut
    r"|\s+"
)


def font_path(family: str) -> Path:
    """The font file of an embedded family."""
    path = finders.find(f"fonts/{EMBEDDED[family]}")
    if path is None:
        raise FileNotFoundError(f"static/fonts/{EMBEDDED[family]}")
    return Path(path)


def printable(text: str) -> str:
    """`text` as it can be drawn: composed, without control characters, and `[U+20BB7]` for what no font has.

    Direction overrides are dropped too: they would let a text show as another one.
    """
    return "".join(_drawn(char) for char in _composed(text))


def undrawable(text: str) -> list[str]:
    """The characters of `text` that no font has, each once, in order."""
    return list(dict.fromkeys(char for char in _composed(text) if _drawn(char).startswith("[U+")))


def break_lines(text: str, *, width: float, size: float) -> list[str]:
    """Set `text` in lines of at most `width` points at `size` points; its own line breaks are kept.

    xhtml2pdf either overflows at Chinese text or cuts words and numbers in two; here a line ends between words or
    between ideographs, and only what is longer than a whole line is cut.
    """
    return [line for paragraph in _composed(text).split("\n") for line in _fill(paragraph, width, size)]


def text_width(text: str, size: float) -> float:
    """Width of `text` in points, as `printable` writes it."""
    return size * sum(_advance(char) for char in text)


def _fill(paragraph: str, width: float, size: float) -> Iterator[str]:
    line, used = "", 0.0
    for unit, advance in _pieces(paragraph, width, size):
        if line and used + advance > width and not unit.isspace():
            yield line.rstrip()
            line, used = "", 0.0
        line += unit
        used += advance
    yield line.rstrip()


def _pieces(paragraph: str, width: float, size: float) -> Iterator[tuple[str, float]]:
    for unit in _UNITS.findall(paragraph):
        advance = text_width(unit, size)
        if advance <= width or unit.isspace():
            yield unit, advance
        else:
            yield from ((char, text_width(char, size)) for char in unit)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))


@cache
def _advance(char: str) -> float:
    """Width of what is drawn for `char`, in units of the font size."""
    return sum(pdfmetrics.stringWidth(drawn, _font_of(drawn) or LATIN, 1) for drawn in _drawn(char))


@cache
def _drawn(char: str) -> str:
    if char == "\n":
        return char
    category = unicodedata.category(char)
    if category.startswith("Z"):
        return char if char == "\u3000" else " "
    if category in {"Cc", "Cf"} or unicodedata.name(char, "").startswith("VARIATION SELECTOR"):
        return ""
    return char if _font_of(char) else f"[U+{ord(char):04X}]"


@cache
def _font_of(char: str) -> str | None:
    """The registered font that draws `char`; None where there is none."""
    try:
        char.encode("cp1252")
    except UnicodeEncodeError:
        pass
    else:
        return LATIN
    if ord(char) > 0xFFFF:  # reportlab draws these, but writes their code points wrongly: they could not be searched
        return None
    for family in EMBEDDED:
        name = _registered(family)
        if ord(char) in pdfmetrics.getFont(name).face.charToGlyph:
            return name
    return None


@cache
def _registered(family: str) -> str:
    name = _REGISTERED.format(family=family)
    # Registering a font anew while another thread draws with it would mix up that document's letters.
    with _REGISTERING:
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(font_path(family))))
    return name

"""The letters of a report: which characters can be drawn.

DejaVu Sans draws the alphabets, Droid Sans Fallback the Chinese and Japanese. What neither of them has is written as
its code point, never left blank: a name with a hole in it may be another person's name.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from django.conf import settings
from fontTools.ttLib import TTFont

FOLDER = Path(settings.BASE_DIR) / "static" / "fonts"
ALPHABETS, CHINESE = FOLDER / "DejaVuSans.ttf", FOLDER / "DroidSansFallbackFull.ttf"


def printable(text: str) -> str:
    """`text` as it can be drawn: composed, without control characters, and `[U+20BB7]` for what no font has.

    Direction overrides are dropped too: they would let a text show as another one.
    """
    return "".join(_drawn(char) for char in _composed(text))


def undrawable(text: str) -> list[str]:
    """The characters of `text` that no font has, each once, in order."""
    return list(dict.fromkeys(char for char in _composed(text) if _drawn(char).startswith("[U+")))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))


@cache
def _drawn(char: str) -> str:
    if char == "\n":
        return char
    category = unicodedata.category(char)
    if category.startswith("Z"):
        return char if char == "\u3000" else " "
    if category in {"Cc", "Cf"} or unicodedata.name(char, "").startswith("VARIATION SELECTOR"):
        return ""
    return char if ord(char) in _letters() else f"[U+{ord(char):04X}]"


@cache
def _letters() -> frozenset[int]:
    """The code points that one of the fonts has."""
    return frozenset().union(*(TTFont(path, lazy=True).getBestCmap() for path in (ALPHABETS, CHINESE)))

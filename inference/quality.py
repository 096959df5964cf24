"""Is a fundus photograph good enough to be graded? Asked at upload, by classical features at a reduced scale: 15 ms.

Each measure has two limits: beyond the first the photograph is of limited use, beyond the second nobody can grade it.
They were set on the photographs that docs/quality.md lists: all of IDRiD, which experts could outline lesions on, is
gradable; frames that are dark, hazy or blurred to the eye, and good photographs blurred, darkened, veiled and covered
by a program, are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import cv2
import numpy as np

from inference.errors import gettext_noop
from inference.field_view import Channel, FieldView
from inference.landmarks import Landmarks
from inference.lines import dark_lines

Verdict = Literal["gradable", "limited", "ungradable"]
Severity = Literal["note", "limited", "ungradable"]

_DARK, _BURNT = 20.0, 245.0  # grey levels of a place in which nothing can be seen
_SHADE = 0.4  # a place this much darker than the bright quarter of the field lies in shadow


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the field of view at 400 pixels a side."""

    sharpness: float
    """Strength of the finest dark lines by that of lines three times as wide (97th percentiles): falls with blur."""
    contrast: float
    """Strength of dark lines of a vessel's width, in units of the local mean of green (97th percentile)."""
    brightness: float
    """Median grey level, 0-255."""
    field_seen: float
    """Share of the field of view, 0-1, that is neither dark, nor in shadow, nor burnt out."""
    burnt: float
    """Share of the field of view, 0-1, that is burnt out."""
    diameter: int
    """Of the field of view, in pixels of the photograph."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What is wrong, and how far it lowers the verdict; a note does not."""

    code: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Quality:
    """The verdict is that of the worst reason."""

    verdict: Verdict
    reasons: list[Reason]
    measures: Measures

    def to_json(self) -> dict[str, Any]:
        """Reasons and measures; sentences are looked up by code, so that they can be translated."""
        return {"reasons": [asdict(reason) for reason in self.reasons], "measures": asdict(self.measures)}


# code: (measure, limited beyond, ungradable beyond, which side is bad)
LIMITS: Final[dict[str, tuple[str, float, float, Literal["low", "high"]]]] = {
    "out_of_focus": ("sharpness", 0.36, 0.22, "low"),
    "low_contrast": ("contrast", 0.024, 0.013, "low"),
    "too_dark": ("brightness", 30.0, 14.0, "low"),
    "too_bright": ("burnt", 0.05, 0.30, "high"),
    "field_covered": ("field_seen", 0.80, 0.50, "low"),
    # 512 pixels over a 45-degree field are 26 micrometres each (0.30 mm a degree, see inference.measurement): a
    # microaneurysm of 60 micrometres is hardly two of them. Nothing but size is wrong then, so it is never ungradable.
    "low_resolution": ("diameter", 512, 0, "low"),
}

SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "out_of_focus": (
        gettext_noop("The photograph is out of focus."),
        gettext_noop("Focus on the vessels near the macula, let the patient blink, and take it again."),
    ),
    "low_contrast": (
        gettext_noop("Vessels hardly stand out: the photograph is hazy."),
        gettext_noop("Clean the lens, dilate the pupil if it is small, and check for cataract before taking it again."),
    ),
    "too_dark": (
        gettext_noop("The photograph is too dark."),
        gettext_noop("Raise the flash, centre the pupil, dilate it if it is small, and take it again."),
    ),
    "too_bright": (
        gettext_noop("Parts of the photograph are burnt out."),
        gettext_noop("Lower the flash or the gain and take it again."),
    ),
    "field_covered": (
        gettext_noop("Part of the field of view cannot be seen: it is dark, in shadow or covered."),
        gettext_noop("Hold lid and lashes away, centre the pupil and correct the distance, then take it again."),
    ),
    "low_resolution": (
        gettext_noop("The photograph has too few pixels for microaneurysms."),
        gettext_noop("Export it from the camera at full size."),
    ),
    "landmarks_not_seen": (
        gettext_noop("Neither the optic disc nor the fovea can be made out."),
        gettext_noop("Check the fixation, focus on the optic disc, and take it again."),
    ),
    "disc_not_seen": (
        gettext_noop("The optic disc was not found."),
        gettext_noop("Mark it on the photograph if it can be seen."),
    ),
    "fovea_not_seen": (
        gettext_noop("The fovea was not found."),
        gettext_noop("Mark it on the photograph if it can be seen; the statement on the macula depends on it."),
    ),
    "upside_down": (
        gettext_noop("The photograph seems to be upside down: the fovea lies above the optic disc."),
        gettext_noop("Check which eye it shows."),
    ),
}
"""What is wrong, and what to do about it, by code."""


def assess(view: FieldView, landmarks: Landmarks) -> Quality:
    """Judge a view of `inference.field_view.SIDE` pixels and what was found in it."""
    measures = _measure(view)
    reasons = [reason for code in LIMITS if (reason := _beyond(code, measures))]
    reasons += _about(landmarks)
    severities = {reason.severity for reason in reasons}
    verdict: Verdict = (
        "ungradable" if "ungradable" in severities else "limited" if "limited" in severities else "gradable"
    )
    return Quality(verdict, reasons, measures)


def _beyond(code: str, measures: Measures) -> Reason | None:
    name, limited, ungradable, bad = LIMITS[code]
    value, sign = getattr(measures, name), 1 if bad == "low" else -1
    if sign * value < sign * ungradable:
        return Reason(code, "ungradable")
    return Reason(code, "limited") if sign * value < sign * limited else None


def _about(landmarks: Landmarks) -> list[Reason]:
    disc = landmarks.disc is not None and landmarks.disc.seen
    fovea = landmarks.fovea is not None and landmarks.fovea.seen
    if not disc and not fovea:
        return [Reason("landmarks_not_seen", "limited")]
    reasons = [] if disc else [Reason("disc_not_seen", "note")]
    reasons += [] if fovea else [Reason("fovea_not_seen", "note")]
    return reasons + ([Reason("upside_down", "note")] if landmarks.upside_down else [])


def _measure(view: FieldView) -> Measures:
    inside = view.core > 0
    diameter = round(view.side / view.scale)
    if not inside.any():
        return Measures(0, 0, 0, 0, 0, diameter)
    green = view.rgb[..., 1].astype(np.float32)
    even = view.evened(green)
    fine, middle, coarse = (float(np.percentile(dark_lines(view, even, sigma)[inside], 97)) for sigma in (1, 2, 3))
    grey: Channel = cv2.cvtColor(view.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    local = view.smooth(grey, 0.03 * view.side)[inside]
    unseen = (local < max(_DARK, _SHADE * float(np.percentile(local, 75)))) | (local > _BURNT)
    return Measures(
        sharpness=round(fine / (coarse + 1e-4), 3),
        contrast=round(middle, 4),
        brightness=round(float(np.median(local)), 1),
        field_seen=round(1 - float(unseen.mean()), 3),
        burnt=round(float((grey[inside] > _BURNT).mean()), 3),
        diameter=diameter,
    )


def explained(reason: Mapping[str, Any]) -> tuple[str, str]:
    """The English sentence and advice of a stored reason; empty for a code of another version."""
    return SENTENCES.get(str(reason.get("code")), ("", ""))

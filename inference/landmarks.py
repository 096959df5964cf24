"""Where the optic disc and the fovea are, and so which eye and which field a photograph shows. No network: 15 ms.

The disc is where three maps, each standardised over the field of view, sum highest: a bright round region of the disc's
size; dense vessels; and vessels that run as they do around a disc, on parabolas that open to both sides (after the
matched filter of Youssif et al., IEEE Trans Med Imaging 2008;27:11-18). Brightness alone takes exudates for discs,
vessels alone are vague about the place. The fovea is the darkest place without vessels about 2.5 disc diameters beside
the disc, a little below it; of the two sides the one with the better place wins.

A fovea that lies above the disc shows a photograph that was turned by half a turn, as indirect optics give it; the eye
proposed is then the other one. A mirrored photograph cannot be told, and a person confirms what is proposed here.
docs/quality.md has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.field_view import Channel, FieldView
from inference.lines import directed_lines
from inference.measurement import DISC_PER_FIELD_DIAMETER

SIDE = 200
"""Pixels a side of the view that is searched."""
_DISC = DISC_PER_FIELD_DIAMETER * SIDE  # diameter in pixels of the view
_REACH = int(2.2 * _DISC)  # of what is looked for around a place, in pixels
_ROOM = cv2.getOptimalDFTSize(SIDE + _REACH)  # a pattern that leaves the view on one side does not come in on the other

FOVEA_DISTANCE = 2.5
"""Disc diameters from the disc's centre to the fovea, on average; the fovea lies about 0.3 lower."""
_FOVEA_DROP = 0.3
_FOVEA_SPREAD = (0.45, 0.6)  # standard deviations of the prior along and across, in disc diameters

_RAISED = 0.15  # disc diameters above the disc from which a fovea shows that the photograph is upside down

# A maximum this many standard deviations above the field of view's mean is certain (1) or nothing (0); linear between.
_DISC_SCORES = (3.0, 8.0)
_FOVEA_SCORES = (0.5, 3.0)
CERTAIN = 0.5
"""Confidence from which a landmark counts as seen."""

Complex = NDArray[np.complex64]
Laterality = Literal["OD", "OS", "unknown"]
Field = Literal["macula", "disc", "other", "unknown"]


@dataclass(frozen=True, slots=True)
class Landmark:
    """A place in pixels of the upright photograph; `confidence` is 0-1, and 1 for what a person placed."""

    x: float
    y: float
    confidence: float

    @property
    def seen(self) -> bool:
        """Whether it counts."""
        return self.confidence >= CERTAIN


@dataclass(frozen=True, slots=True)
class Landmarks:
    """`disc` and `fovea` are None where nothing resembles them; `laterality` and `field` are proposals."""

    disc: Landmark | None
    fovea: Landmark | None
    laterality: Laterality
    field: Field
    upside_down: bool = False

    def to_json(self) -> dict[str, Any]:
        """For the record."""
        return asdict(self)


def find_landmarks(view: FieldView) -> Landmarks:
    """Search a view of the field of view (see `inference.field_view.field_view`)."""
    view = view.shrunk(SIDE)
    inside = view.core > 0
    if not inside.any():
        return Landmarks(None, None, "unknown", "unknown")
    green = view.rgb[..., 1].astype(np.float32)
    vessels, directions = _vessels(view, view.evened(green))
    disc_at, disc_score = _highest(_disc_map(view, vessels, directions), inside)
    fovea_at, fovea_score = _fovea(_fovea_map(view, vessels), disc_at, inside)
    disc = _landmark(view, disc_at, disc_score, _DISC_SCORES)
    fovea = _landmark(view, fovea_at, fovea_score, _FOVEA_SCORES)
    if not disc.seen:
        return Landmarks(disc, None, "unknown", "unknown")
    upside_down = fovea.seen and (disc_at[1] - fovea_at[1]) / _DISC > _RAISED
    laterality = _laterality(disc_at, fovea_at, fovea)
    if upside_down and laterality != "unknown":
        laterality = "OS" if laterality == "OD" else "OD"
    return Landmarks(disc, fovea, laterality, _field(view, disc_at, fovea_at), upside_down)


def laterality_of(disc: tuple[float, float], fovea: tuple[float, float], *, upside_down: bool = False) -> Laterality:
    """The fovea lies temporal of the disc: to its left in an upright photograph of a right eye."""
    return "OD" if (fovea[0] < disc[0]) != upside_down else "OS"


def _laterality(disc: tuple[int, int], fovea_at: tuple[int, int], fovea: Landmark) -> Laterality:
    offset = disc[0] - SIDE / 2
    # Away from the middle the disc's side tells more than a fovea that may be hidden; the two seldom differ.
    if abs(offset) > _DISC:
        return "OD" if offset > 0 else "OS"
    return laterality_of(disc, fovea_at) if fovea.seen else "unknown"


def _field(view: FieldView, disc: tuple[int, int], fovea: tuple[int, int]) -> Field:
    """What lies nearest to the centre, where it is within one and a half disc diameters of it."""
    middle = np.argwhere(view.inside).mean(axis=0)[::-1]
    to_disc, to_fovea = (float(np.hypot(*(np.asarray(place) - middle))) / _DISC for place in (disc, fovea))
    if min(to_disc, to_fovea) > 1.5:
        return "other"
    return "macula" if to_fovea < to_disc else "disc"


def _vessels(view: FieldView, even: Channel) -> tuple[Channel, Complex]:
    """Strength (mean 1) and direction of vessels of two widths."""
    (thin, along_thin), (wide, along_wide) = (directed_lines(view, even, sigma) for sigma in (0.8, 1.4))
    inside = view.core > 0
    strength = np.maximum(thin, wide) * inside
    strength = np.minimum(strength, np.percentile(strength[inside], 98) + 1e-6)
    return strength / (strength[inside].mean() + 1e-6), np.where(thin > wide, along_thin, along_wide)


def _disc_map(view: FieldView, vessels: Channel, directions: Complex) -> Channel:
    inside = view.core > 0
    patterns = _patterns()
    convergence = _correlated(_spectrum(vessels * directions), patterns.vessels).real
    # Red and green together: red is even on the disc but may be saturated everywhere, green is not.
    light = (view.rgb[..., 0] // 2 + view.rgb[..., 1] // 2).astype(np.uint8)
    closed = cv2.morphologyEx(light, cv2.MORPH_CLOSE, _ellipse(5)).astype(np.float32)
    # As one complex map: what lies in the field of view, and how much of it.
    seen = _spectrum((view.evened(closed) + 1j) * view.inside)
    on_disc, on_ring = _correlated(seen, patterns.disc), _correlated(seen, patterns.ring)
    brightness = on_disc.real / (on_disc.imag + 1e-3) - on_ring.real / (on_ring.imag + 1e-3)
    maps = (convergence, brightness, _correlated(_spectrum(vessels), patterns.near).real)
    return np.asarray(sum(_standardised(each, inside) for each in maps), np.float32)


def _fovea_map(view: FieldView, vessels: Channel) -> Channel:
    inside = view.core > 0
    green = cv2.medianBlur(np.ascontiguousarray(view.rgb[..., 1]), 5).astype(np.float32)
    even = view.evened(green)
    dark = view.smooth(even, 0.7 * _DISC) - view.smooth(even, 0.22 * _DISC)
    return _standardised(dark, inside) - _standardised(view.smooth(vessels, 0.35 * _DISC), inside)


def _fovea(found: Channel, disc: tuple[int, int], inside: NDArray[np.bool_]) -> tuple[tuple[int, int], float]:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    beside, below = np.abs(columns - disc[0]) / _DISC, (rows - disc[1]) / _DISC
    along, across = _FOVEA_SPREAD
    prior = ((beside - FOVEA_DISTANCE) / along) ** 2 / 2 + ((below - _FOVEA_DROP) / across) ** 2 / 2
    return _highest(found - prior, inside)


def _landmark(view: FieldView, at: tuple[int, int], score: float, scores: tuple[float, float]) -> Landmark:
    x, y = view.to_photograph(*at)
    confidence = float(np.clip((score - scores[0]) / (scores[1] - scores[0]), 0, 1))
    return Landmark(round(x, 1), round(y, 1), round(confidence, 2))


def _highest(found: Channel, inside: NDArray[np.bool_]) -> tuple[tuple[int, int], float]:
    masked = np.where(inside, found, -np.inf)
    row, column = np.unravel_index(int(masked.argmax()), masked.shape)
    return (int(column), int(row)), float(masked[row, column])


def _standardised(values: Channel, inside: NDArray[np.bool_]) -> Channel:
    seen = values[inside]
    return np.asarray((values - seen.mean()) / (seen.std() + 1e-6), np.float32)


def _spectrum(values: NDArray[np.number]) -> Complex:
    room = np.zeros((_ROOM, _ROOM), np.complex64)
    room[: values.shape[0], : values.shape[1]] = values
    return _transformed(room)


def _correlated(spectrum: Complex, pattern: Complex) -> Complex:
    """How well a pattern, by its spectrum, fits at each place of the view, by its own."""
    return _transformed(spectrum * pattern, cv2.DFT_INVERSE | cv2.DFT_SCALE)[:SIDE, :SIDE]


def _transformed(grid: Complex, flags: int = 0) -> Complex:
    pairs = cv2.dft(grid.view(np.float32).reshape(_ROOM, _ROOM, 2), flags=flags)
    return np.asarray(pairs, np.float32).view(np.complex64)[..., 0]


class _Patterns(NamedTuple):
    """Spectra of what is looked for around each place."""

    vessels: Complex
    """Directions exp(2i angle) of the parabolas x = k y², by the weight of the offset from the disc."""
    near: Complex
    """That weight."""
    disc: Complex
    ring: Complex


@cache
def _patterns() -> _Patterns:
    y, x = np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1].astype(np.float32)
    doubled = (2 * x + 1j * y) ** 2  # the tangent at (x, y) is (2x, y)
    weight = np.exp(-(x * x + y * y) / (2 * _DISC * _DISC))
    weight /= weight.sum()
    distance, radius = np.hypot(y, x), _DISC / 2
    disc, ring = distance <= radius, (distance > radius) & (distance <= 1.9 * radius)
    return _Patterns(*map(_around, (doubled / (np.abs(doubled) + 1e-6) * weight, weight, disc, ring)))


def _around(pattern: NDArray[np.generic]) -> Complex:
    """The spectrum of a pattern about its middle, as correlation asks for it."""
    room = np.zeros((_ROOM, _ROOM), np.complex64)
    room[: pattern.shape[0], : pattern.shape[1]] = pattern
    return _transformed(np.roll(room, (-_REACH, -_REACH), (0, 1))).conj()


def _ellipse(size: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def point_of(landmark: Landmark | None) -> tuple[float, float] | None:
    """Where the landmark is (x, y); None where it was not found or does not count."""
    return (landmark.x, landmark.y) if landmark and landmark.seen else None


def landmark_from(stored: Mapping[str, Any] | None) -> Landmark | None:
    """Read what `dataclasses.asdict` wrote."""
    return Landmark(float(stored["x"]), float(stored["y"]), float(stored["confidence"])) if stored else None

"""The four lesion kinds of diabetic retinopathy that the networks outline, in the channel order used everywhere."""

from __future__ import annotations

from typing import Final, Literal

Lesion = Literal["EX", "SE", "HE", "MA"]

LESIONS: Final[tuple[Lesion, ...]] = ("EX", "SE", "HE", "MA")

LESION_NAMES: Final[dict[Lesion, str]] = {
    "EX": "hard exudates",
    "SE": "soft exudates",
    "HE": "haemorrhages",
    "MA": "microaneurysms",
}

# RGB. Chosen for contrast against the orange-red retina and against each other under the common colour-vision
# deficiencies: hues from the Okabe-Ito palette, apart in lightness as well.
LESION_COLOURS: Final[dict[Lesion, tuple[int, int, int]]] = {
    "EX": (255, 210, 0),
    "SE": (86, 180, 233),
    "HE": (0, 90, 255),
    "MA": (0, 230, 150),
}

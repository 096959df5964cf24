"""The photograph with its lesions painted on it, and the way back from an edited picture of that kind to a mask."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.errors import ImageRejected, gettext_noop
from inference.lesions import LESION_COLOURS, LESIONS

# Paint is recognised from a third of full strength on (the fill has 0.55) ...
_MIN_STRENGTH = 0.33
# ... and while it lies this near (RGB distance, 0-441) to the line from the photograph's colour to the lesion's:
# JPEG and rescaled colours wander about 20 off it.
_MAX_DEVIATION = 40.0
# A change smaller than this in every channel is compression noise.
_MIN_CHANGE = 12


def render_overlay(
    rgb: NDArray[np.uint8], masks: Mapping[str, NDArray[np.bool_]], alpha: float = 0.55
) -> NDArray[np.uint8]:
    """Fill every lesion with its colour at strength `alpha` (0-1) and draw a full-strength outline; uint8 HxWx3.

    Masks are bool HxW of the photograph's size, under the names of LESIONS; a missing name is a hidden layer. Where
    lesions overlap, the one later in LESIONS is on top, but every outline stays visible.
    """
    painted = rgb.copy()
    pixels = painted.reshape(-1, 3)
    thickness = max(1, round(min(rgb.shape[:2]) / 1200))
    brush = np.ones((2 * thickness + 1, 2 * thickness + 1), np.uint8)
    outlines = []
    for lesion in LESIONS:
        mask = masks.get(lesion)
        if mask is None:
            continue
        if mask.shape != rgb.shape[:2]:
            raise ValueError(f"mask {lesion} is {mask.shape}, the photograph {rgb.shape[:2]}")
        inside = np.flatnonzero(mask)  # lesions are a small part of the photograph: paint them, not the whole
        if not inside.size:
            continue
        pixels[inside] = cv2.LUT(pixels.take(inside, axis=0)[None], _mixed(LESION_COLOURS[lesion], alpha))[0]
        # The outline runs inside the lesion: what is coloured is the mask, no more and no less.
        kept = cv2.erode(mask.view(np.uint8), brush).reshape(-1)
        outlines.append((inside[kept.take(inside) == 0], LESION_COLOURS[lesion]))
    for outline, full in outlines:
        pixels[outline] = full
    return painted


def overlay_jpeg(rgb: NDArray[np.uint8], masks: Mapping[str, NDArray[np.bool_]], quality: int = 92) -> bytes:
    """The overlay in a tenth of the PNG's size; an edited copy can still be read back."""
    # Full colour resolution: lesions differ from the retina in colour, and may be a few pixels wide.
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    overlay = render_overlay(rgb, masks)
    cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR, dst=overlay)
    return cv2.imencode(".jpg", overlay, [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling])[1].tobytes()


def _mixed(colour: tuple[int, int, int], alpha: float) -> NDArray[np.uint8]:
    """What each of the 256 levels of each channel becomes under `colour`: uint8 1x256x3."""
    levels = np.arange(256, dtype=np.float32)[None, :, None]
    painted = levels * np.float32(1 - alpha) + np.asarray(colour, np.float32) * np.float32(alpha)
    return np.rint(painted).astype(np.uint8)


def decode_overlay(edited: NDArray[np.uint8], original: NDArray[np.uint8], lesion: str) -> NDArray[np.bool_]:
    """The mask of `lesion` in an overlay that a person has edited; all arrays in the photograph's HxW.

    A pixel counts where it is explained by the photograph's colour mixed with this lesion's colour, and better so
    than with any other lesion's. What another layer covers, or was left uncoloured, is not part of the mask. Raises
    ImageRejected (wrong_mask_size) where the sizes differ.
    """
    if edited.shape != original.shape:
        raise wrong_size((original.shape[0], original.shape[1]))
    changed = cv2.absdiff(edited, original).max(axis=2) >= _MIN_CHANGE
    mask = np.zeros(changed.shape, np.bool_)
    if not changed.any():
        return mask
    before = original[changed].astype(np.float32)
    change = edited[changed].astype(np.float32) - before
    deviations = np.full((len(LESIONS), len(before)), np.inf, np.float32)
    for index, name in enumerate(LESIONS):
        towards = np.asarray(LESION_COLOURS[name], np.float32) - before
        length = np.maximum(np.einsum("ij,ij->i", towards, towards), 1.0)
        strength = np.clip(np.einsum("ij,ij->i", change, towards) / length, 0, 1)
        deviation = np.linalg.norm(change - strength[:, None] * towards, axis=1)
        deviations[index] = np.where(strength >= _MIN_STRENGTH, deviation, np.inf)
    ours = LESIONS.index(lesion)
    mask[changed] = (deviations.argmin(axis=0) == ours) & (deviations[ours] <= _MAX_DEVIATION)
    return mask


def resembles(picture: NDArray[np.uint8], original: NDArray[np.uint8]) -> bool:
    """Whether a picture is the photograph with something painted on it: most of the lit retina is unchanged."""
    if picture.shape != original.shape:
        return False
    before, after = original[::4, ::4], picture[::4, ::4]
    lit = before.max(axis=2) > 40
    unchanged = cv2.absdiff(before, after).max(axis=2) <= 25
    return bool(lit.any() and unchanged[lit].mean() > 0.5)


def wrong_size(expected_shape: tuple[int, int]) -> ImageRejected:
    """The refusal of a drawing that does not fit a photograph of `expected_shape` (height, width)."""
    height, width = expected_shape
    return ImageRejected(
        "wrong_mask_size",
        gettext_noop("The mask does not have the size of the photograph: send one of %(width)d x %(height)d pixels."),
        width=width,
        height=height,
    )

"""Dark lines, such as vessels, by the eigenvalues of the Hessian (Frangi et al., MICCAI 1998)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.field_view import Channel, FieldView


def dark_lines(view: FieldView, channel: Channel, sigma: float) -> Channel:
    """Strength of dark lines about `2 sigma` wide (>= 0, scale-normalised)."""
    return _strength(*_curvature(view, channel, sigma)[:2])


def directed_lines(view: FieldView, channel: Channel, sigma: float) -> tuple[Channel, NDArray[np.complex64]]:
    """The same, and the direction of the lines as exp(2i angle)."""
    mean, half_gap, straight, diagonal = _curvature(view, channel, sigma)
    # The curvature points across the line; half a turn of the doubled angle is the line itself.
    direction = -(straight + 1j * diagonal) / (half_gap + 1e-9)
    return _strength(mean, half_gap), direction.astype(np.complex64)


def _curvature(view: FieldView, channel: Channel, sigma: float) -> tuple[Channel, ...]:
    """Of the Hessian: mean of its eigenvalues, half their gap, half the difference of its diagonal, what is off it."""
    smooth = view.smooth(channel, sigma)
    xx, yy, xy = (cv2.Sobel(smooth, cv2.CV_32F, dx, 2 - dx, ksize=3, scale=sigma**2 / 4) for dx in (2, 0, 1))
    straight = (xx - yy) / 2
    return tuple(np.asarray(each, np.float32) for each in ((xx + yy) / 2, cv2.magnitude(straight, xy), straight, xy))


def _strength(mean: Channel, half_gap: Channel) -> Channel:
    across, along = mean + half_gap, np.abs(mean - half_gap)
    return np.where((across > 0) & (along < across / 2), across - along, np.float32(0))

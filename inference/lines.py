"""Dark lines, such as vessels, by the eigenvalues of the Hessian (Frangi et al., MICCAI 1998)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.field_view import Channel, FieldView


def dark_lines(view: FieldView, channel: Channel, sigma: float) -> tuple[Channel, NDArray[np.complex64]]:
    """Strength of dark lines about `2 sigma` wide (>= 0, scale-normalised), and their direction as exp(2i angle)."""
    smooth = view.smooth(channel, sigma)
    xx, yy, xy = (cv2.Sobel(smooth, cv2.CV_32F, dx, 2 - dx, ksize=3) / 4 * sigma**2 for dx in (2, 0, 1))
    half_gap, mean = np.hypot((xx - yy) / 2, xy), (xx + yy) / 2
    across, along = mean + half_gap, np.abs(mean - half_gap)
    strength = np.where((across > 0) & (along < across / 2), across - along, 0).astype(np.float32)
    # The curvature points across the line; half a turn of the doubled angle is the line itself.
    direction = -((xx - yy) / 2 + 1j * xy) / (half_gap + 1e-9)
    return strength, direction.astype(np.complex64)

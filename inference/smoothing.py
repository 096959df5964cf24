"""Gaussian blur of what lies in a field of view."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Channel = NDArray[np.float32]


class Smoother:
    """Blurs channels without letting in what lies outside `inside` (HxW, 1 inside).

    How much of each blur lies inside is the same for all channels, and worked out once for each sigma.
    """

    def __init__(self, inside: NDArray[np.uint8]) -> None:
        self._weight = inside.astype(np.float32)
        self._shares: dict[float, Channel] = {}

    def __call__(self, channel: Channel, sigma: float) -> Channel:
        """`channel` (HxW) blurred by a Gaussian of `sigma` pixels."""
        if sigma not in self._shares:
            self._shares[sigma] = np.asarray(cv2.GaussianBlur(self._weight, (0, 0), sigma) + 1e-3, np.float32)
        return np.asarray(cv2.GaussianBlur(channel * self._weight, (0, 0), sigma) / self._shares[sigma], np.float32)

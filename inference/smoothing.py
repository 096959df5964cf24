"""Gaussian blur of what lies in a field of view."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Channel = NDArray[np.float32]

_FINE = 10.0  # pixels; of a wider blur a copy is enough on which its sigma is about that: it is far quicker


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
            self._shares[sigma] = _blurred(self._weight, sigma) + np.float32(1e-3)
        blurred = _blurred(channel * self._weight, sigma) / self._shares[sigma]
        if blurred.shape == channel.shape:
            return blurred
        height, width = channel.shape
        return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _blurred(channel: Channel, sigma: float) -> Channel:
    """A copy of `channel`, smaller for a wide blur."""
    times = max(1, int(sigma / _FINE))
    if times > 1:
        height, width = channel.shape
        size = (-(-width // times), -(-height // times))
        channel = np.asarray(cv2.resize(channel, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(cv2.GaussianBlur(channel, (0, 0), sigma / times), np.float32)

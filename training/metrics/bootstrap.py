"""Confidence intervals by resampling whole units: photographs, or patients where they are known."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]
ROUNDS = 1000


def bootstrap_intervals(
    figures: Callable[[NDArray[np.int64]], Mapping[str, float]],
    groups: Sequence[Hashable],
    *,
    rounds: int = ROUNDS,
    seed: int = 17,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Percentile interval of each figure of ``figures(indices)``, groups drawn with replacement.

    ``groups[i]`` is the unit that item ``i`` belongs to. Rounds in which a figure is nan (one class only, say) are left
    out for it; (nan, nan) where all are.
    """
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    units = [np.asarray(indices) for indices in members.values()]
    randomness = np.random.default_rng(seed)
    drawn = [
        figures(np.concatenate([units[i] for i in randomness.integers(len(units), size=len(units))]))
        for _ in range(rounds)
    ]
    return {name: _percentiles(np.array([values[name] for values in drawn]), level) for name in drawn[0]}


def _percentiles(values: NDArray[np.float64], level: float) -> Interval:
    values = values[~np.isnan(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

"""Confidence intervals by resampling whole units: photographs, or patients where they are known."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    groups: Sequence[Hashable],
    *,
    rounds: int = 1000,
    seed: int = 17,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of ``statistic(indices)``, groups drawn with replacement.

    ``groups[i]`` is the unit that item ``i`` belongs to. Rounds in which the statistic is nan (one class only, say)
    are left out; (nan, nan) where all are.
    """
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    units = [np.asarray(indices) for indices in members.values()]
    randomness = np.random.default_rng(seed)
    values = np.array(
        [
            statistic(np.concatenate([units[i] for i in randomness.integers(len(units), size=len(units))]))
            for _ in range(rounds)
        ]
    )
    values = values[~np.isnan(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

"""How far two judges agree. Pure functions, free of the database."""

from __future__ import annotations

from collections.abc import Sequence

from cases.choices import IcdrGrade


def quadratic_kappa(pairs: Sequence[tuple[int, int]]) -> float | None:
    """Cohen's kappa of two judges' ICDR grades with quadratic weights (Cohen 1968), at most 1.

    None where there are no pairs, or where both judges gave one and the same grade throughout.
    """
    grades = range(len(IcdrGrade))
    first = [sum(pair[0] == grade for pair in pairs) for grade in grades]
    second = [sum(pair[1] == grade for pair in pairs) for grade in grades]
    observed = sum((a - b) ** 2 for a, b in pairs)
    expected = sum((a - b) ** 2 * first[a] * second[b] for a in grades for b in grades)
    return 1 - len(pairs) * observed / expected if expected else None

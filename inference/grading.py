"""The grade of diabetic retinopathy, from the grading network's logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inference.cards import ModelCard
from inference.engines.base import FloatArray
from inference.networks.spec import grade_probabilities

# International Clinical Diabetic Retinopathy severity scale; Wilkinson et al., Ophthalmology 2003;110:1677-1682.
GRADE_LABELS: Final = (
    "No apparent retinopathy",
    "Mild non-proliferative retinopathy",
    "Moderate non-proliferative retinopathy",
    "Severe non-proliferative retinopathy",
    "Proliferative retinopathy",
)


@dataclass(frozen=True, slots=True)
class Grading:
    """`grade` is 0-4, the most probable; `probabilities` has one per grade and sums to 1."""

    grade: int
    probabilities: list[float]

    @property
    def label(self) -> str:
        """The grade's name, in English."""
        return GRADE_LABELS[self.grade]


def grade_of(logits: FloatArray, card: ModelCard) -> Grading:
    """Read the logits of one photograph, with the temperature that the card's validation set gave."""
    probabilities = grade_probabilities(logits, card.network, card.temperature)
    return Grading(grade=int(probabilities.argmax()), probabilities=[float(p) for p in probabilities])

"""Figures of others that the results document sets ours against. Each with where it stands and how it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LESIONS: Final = ("EX", "SE", "HE", "MA")


@dataclass(frozen=True)
class LesionResult:
    """One figure per lesion kind, in the order of ``LESIONS``."""

    network: str
    values: tuple[float, float, float, float]

    @property
    def mean(self) -> float:
        """Over the four lesions."""
        return sum(self.values) / len(self.values)


# The seed report: one network for five classes (softmax), on the merged test photographs of TJDR, DDR and IDRiD.
SEED_DICE: Final = (
    LesionResult("U-Net", (0.4958, 0.6112, 0.5104, 0.3746)),
    LesionResult("U-Net++", (0.4968, 0.7317, 0.5068, 0.3639)),
    LesionResult("MA-Net", (0.4724, 0.6220, 0.4889, 0.3621)),
)
SEED_IOU: Final = (
    LesionResult("U-Net", (0.4187, 0.6373, 0.4271, 0.3172)),
    LesionResult("U-Net++", (0.4096, 0.7342, 0.4262, 0.3090)),
    LesionResult("MA-Net", (0.3883, 0.6808, 0.4116, 0.3017)),
)
# The same report: four networks for one lesion each (sigmoid), U-Net, on TJDR.
SEED_SINGLE_DICE: Final = LesionResult("4 × U-Net", (0.5711, 0.5898, 0.5613, 0.3890))
SEED_ACCURACY: Final = 0.601
SEED_AUC: Final = 0.689

# The highest of all teams for each lesion, on the 27 test photographs of IDRiD; area under precision over recall from
# 33 thresholds. Porwal et al., IDRiD: Diabetic Retinopathy - Segmentation and Grading Challenge, Medical Image Analysis
# 2020;59:101561.
IDRID_CHALLENGE: Final = LesionResult("IDRiD challenge 2018", (0.885, 0.699, 0.680, 0.502))
# Gulshan et al., JAMA 2016;316(22):2402-2410: AUC of referable disease on EyePACS-1 (9,963 photographs, read by 8 or
# more ophthalmologists), by networks that learnt from 128,175 photographs.
GULSHAN_AUC: Final = 0.991

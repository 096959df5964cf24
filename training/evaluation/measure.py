"""What kind of figures a set of weights can have on a data set, and the figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from training.datasets.records import DatasetError, Record
from training.evaluation.grading import collect_grades, frozen_operating_points, grading_figures
from training.evaluation.segmentation import Seen, collect_scores, lesion_figures, normal_figures
from training.evaluation.weights import Weights

# Photographs that are labelled normal, where the data set says so as a whole.
NORMALS: Final = "normal400"


def measure(
    weights: Weights,
    records: Sequence[Record],
    on_photograph: Callable[[Seen], None] | None = None,
) -> dict[str, Any]:
    """Figures at what the card froze: of grades, of lesions, or of false findings on eyes without disease.

    ``on_photograph`` is shown each outlined photograph. Raises ``DatasetError`` where the records have nothing that
    these weights could be compared with.
    """
    card = weights.card
    if card.kind == "grading":
        return grading_figures(
            collect_grades(weights, records), weights, card.temperature, frozen_operating_points(card)
        )
    if outlined := [record for record in records if record.masks is not None]:
        return {"lesions": lesion_figures(collect_scores(weights, outlined, on_photograph), card.thresholds)}
    if normal := [record for record in records if record.source == NORMALS or record.grade == 0]:
        return {"normal_eyes": normal_figures(weights, normal, card.thresholds)}
    raise DatasetError("this data set has neither outlined lesions nor eyes without disease to measure a network on.")

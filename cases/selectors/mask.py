from __future__ import annotations

from dataclasses import dataclass

from django.shortcuts import get_object_or_404

from cases.choices import Lesion
from cases.models import Image, LesionResult, MaskRevision, Prediction
from cases.selectors.viewer import Viewer


def revision_get(user: Viewer, revision_id: int) -> MaskRevision:
    """A mask revision. Raises `Http404` where it is none of the user's clinics'."""
    return get_object_or_404(MaskRevision.objects.for_user(user).select_related("author", "image"), pk=revision_id)


@dataclass(frozen=True)
class CurrentMask:
    """What is held to be true of one lesion now: the newest correction, or else the network's mask (revision 0)."""

    lesion: str
    revision: int
    source: LesionResult | MaskRevision

    @property
    def corrected(self) -> bool:
        """Whether a person changed the network's mask."""
        return self.revision > 0


def current_masks(image: Image, prediction: Prediction | None) -> list[CurrentMask]:
    """One entry per lesion, in the order of `Lesion`; without a result to see, only what was drawn."""
    found = {result.lesion: result for result in prediction.lesions.all()} if prediction else {}
    newest: dict[str, MaskRevision] = {}
    for revision in sorted(image.revisions.all(), key=lambda row: row.number):
        newest[revision.lesion] = revision
    masks = []
    for lesion in Lesion.values:
        if lesion in newest:
            masks.append(CurrentMask(lesion, newest[lesion].number, newest[lesion]))
        elif lesion in found:
            masks.append(CurrentMask(lesion, 0, found[lesion]))
    return masks

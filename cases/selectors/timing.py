"""Where the time went, from the last uploaded byte to the result on the page; for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cases.models import Prediction, User
from cases.permissions import Action, authorize
from cases.selectors.prediction import prediction_get

# In the order in which they happen; what is not here (added up or unknown) is not shown.
_UPLOAD: Final = {
    "turn": _("Upload: waiting for its turn"),
    "decode": _("Upload: reading the photograph"),
    "field_of_view": _("Upload: finding the retina"),
    "preview": _("Upload: making the preview"),
    "quality": _("Upload: judging the quality"),
    "store": _("Upload: storing"),
}
_ANALYSIS: Final = {
    "queue": _("Waiting for a worker"),
    "fetch": _("Fetching the photograph"),
    "load": _("Loading networks"),
    "decode": _("Reading the photograph"),
    "field_of_view": _("Cutting out the retina"),
    "grade": _("Grading"),
    "segment": _("Outlining lesions"),
    "measure": _("Measuring lesions"),
    "explain": _("Explaining the grade"),
    "encode": _("Encoding masks"),
    "rules": _("Grading by rules"),
    "store": _("Storing the result"),
    "notify": _("Telling the page"),
}


@dataclass(frozen=True)
class StageTime:
    """Seconds of one stage."""

    stage: str
    label: str | Promise
    seconds: float


@dataclass(frozen=True)
class Timings:
    """All stages of one prediction, and their sum in seconds."""

    stages: list[StageTime]

    @property
    def total(self) -> float:
        """From the last uploaded byte to the result, where the analysis was asked for at once."""
        return round(sum(stage.seconds for stage in self.stages), 4)


def prediction_timings(user: User, prediction_id: int) -> Timings:
    """Raises `Http404` for another clinic's prediction, `NotAllowed` for who does not manage the clinic."""
    prediction = prediction_get(user, prediction_id)
    authorize(user, Action.MANAGE, prediction.image.study.clinic)
    return timings_of(prediction)


def timings_of(prediction: Prediction) -> Timings:
    """Empty but for the upload while the analysis is not finished."""
    upload = _told("upload_", _UPLOAD, prediction.image.timings)
    return Timings(upload + _told("", _ANALYSIS, prediction.timings))


def _told(prefix: str, names: Mapping[str, str | Promise], seconds: Mapping[str, float]) -> list[StageTime]:
    return [StageTime(prefix + name, label, seconds[name]) for name, label in names.items() if name in seconds]

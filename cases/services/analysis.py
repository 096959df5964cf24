"""What a worker does with a claimed prediction; the only place of the product that runs networks."""

from __future__ import annotations

import errno
import logging
import time
import traceback
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils.translation import gettext_noop

from cases.choices import Detail
from cases.log_context import log_context
from cases.models import Prediction
from cases.selectors.image import field_of_view_of
from cases.selectors.network_version import weights_to_run
from cases.services.image import image_refuse_ungradable
from cases.services.laps import Laps
from cases.services.prediction_lease import (
    LeaseLost,
    prediction_claim,
    prediction_hand_back,
    prediction_refuse,
    prediction_succeed,
)
from cases.services.watch import Watch
from inference.errors import InferenceError

if TYPE_CHECKING:
    from inference.analysis import Analysis

logger = logging.getLogger(__name__)

STORE = "store"  # the stage after those of `inference.analysis.STAGES`
PATIENCE_SECONDS = 1.0  # between attempts to store a result while the database is away


def prediction_run_next(*, pk: int | None = None) -> bool:
    """Claim one analysis (the next, or the one named) and carry it out. False where there was none to claim."""
    prediction = prediction_claim(pk=pk)
    if prediction is None:
        return False
    with log_context(prediction_id=prediction.pk), Watch(prediction) as watch:
        try:
            _run(prediction, watch)
        except LeaseLost:
            logger.warning("prediction %s was taken over or cancelled; result dropped", prediction.pk)
    return True


def _run(prediction: Prediction, watch: Watch) -> None:
    from inference import analyse  # loads torch or openvino: worker only

    try:
        image_refuse_ungradable(image=prediction.image)
        laps = Laps()
        with prediction.image.original.open("rb") as original:
            content = original.read()
        laps.done("fetch")
        analysis = analyse(
            content,
            model=prediction.model_name,
            weights=weights_to_run(prediction),
            detail="high" if prediction.detail == Detail.HIGH else "standard",
            explain=prediction.explain,
            field_of_view=field_of_view_of(prediction.image),
            on_stage=watch.stage,
        )
        watch.stage(STORE)
        analysis.timings.update(laps.seconds)
        _store(prediction, analysis)
    except LeaseLost:
        raise
    except InferenceError as error:
        prediction_refuse(prediction=prediction, error=error, detail=traceback.format_exc())
    except Exception as error:
        logger.exception("prediction %s: attempt %s failed", prediction.pk, prediction.attempts)
        prediction_hand_back(prediction=prediction, detail=traceback.format_exc(), error=_told(error))
    except BaseException:  # Ctrl-C
        prediction_hand_back(prediction=prediction, detail="The worker was stopped.", counts=False)
        raise


def _store(prediction: Prediction, analysis: Analysis) -> None:
    """Keep the result. While the database is away it waits here, until somebody else has taken the row."""
    while True:
        try:
            prediction_succeed(prediction=prediction, analysis=analysis)
        except (OperationalError, InterfaceError):
            logger.warning("the result cannot be stored yet; trying again", exc_info=True)
            close_old_connections()
            time.sleep(PATIENCE_SECONDS)
        else:
            return


def _told(error: Exception) -> InferenceError | None:
    """What the user is told of a fault that they or their administrator can do something about."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        sentence = gettext_noop(
            "The result could not be stored: the disk of the server is full. The photograph is kept. "
            "Tell your administrator, then try again."
        )
        return InferenceError("disk_full", sentence)
    return None

"""What a worker does with a claimed prediction; the only place of the product that runs networks."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import close_old_connections, connection

from cases.models import Prediction
from cases.selectors.network_version import weights_to_run
from cases.services.image import image_field_of_view
from cases.services.prediction import (
    LEASE,
    LeaseLost,
    prediction_claim,
    prediction_hand_back,
    prediction_heartbeat,
    prediction_refuse,
    prediction_succeed,
)
from inference.errors import InferenceError

logger = logging.getLogger(__name__)


def prediction_run_next(*, pk: int | None = None) -> bool:
    """Claim one analysis (the next, or the one named) and carry it out. False where there was none to claim."""
    prediction = prediction_claim(pk=pk)
    if prediction is None:
        return False
    try:
        with _heartbeat(prediction):
            _run(prediction)
    except LeaseLost:
        logger.warning("prediction %s was taken over or cancelled; result dropped", prediction.pk)
    return True


def _run(prediction: Prediction) -> None:
    from inference import analyse  # loads torch or openvino: worker only

    try:
        with prediction.image.original.open("rb") as original:
            content = original.read()
        analysis = analyse(
            content,
            model=prediction.model_name,
            weights=weights_to_run(prediction),
            field_of_view=image_field_of_view(image=prediction.image),
            on_stage=lambda stage: prediction_heartbeat(prediction=prediction, stage=stage),
        )
        prediction_succeed(prediction=prediction, analysis=analysis)
    except LeaseLost:
        raise
    except InferenceError as error:
        prediction_refuse(prediction=prediction, error=error, detail=traceback.format_exc())
    except Exception:
        logger.exception("prediction %s: attempt %s failed", prediction.pk, prediction.attempts)
        prediction_hand_back(prediction=prediction, detail=traceback.format_exc())
    except BaseException:  # an orderly shutdown in mid-image
        prediction_hand_back(prediction=prediction, detail="The worker was stopped.", counts=False)
        raise


@contextmanager
def _heartbeat(prediction: Prediction) -> Iterator[None]:
    """Renew the lease from a thread, since one stage may take longer than the lease (a network being compiled)."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(LEASE.total_seconds() / 4):
            try:
                prediction_heartbeat(prediction=prediction)
            except LeaseLost:
                return
            except Exception:
                logger.exception("heartbeat of prediction %s failed", prediction.pk)
                close_old_connections()
        connection.close()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    if settings.DRWEB_HEARTBEAT:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if thread.is_alive():
            thread.join()

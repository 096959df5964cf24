"""Celery tasks: load the row, call a service."""

from celery import shared_task

from cases.services.analysis import prediction_run_next


@shared_task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def analyse_prediction(prediction_id: int) -> None:
    """Carry out one queued analysis; a row that another worker holds or finished is left alone."""
    prediction_run_next(pk=prediction_id)

"""Celery application, used when ``DRWEB_BROKER_URL`` names a broker."""

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "drweb.settings")

app = Celery("drweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.celeryd_after_setup.connect
def _begin(instance: Any, **kwargs: Any) -> None:
    """Before the first message is taken: say that this worker lives, and load the networks."""
    from cases.management.worker_process import WorkerProcess

    process = WorkerProcess(processors=sorted(instance.app.amqp.queues.consume_from), reminds=True)
    # Celery by itself waits for the running photograph without end.
    signals.worker_shutting_down.connect(lambda **_: process.hand_back_later(), weak=False)
    signals.worker_shutdown.connect(lambda **_: process.stop(), weak=False)
    process.start()
    process.warm_up()

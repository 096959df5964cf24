"""Celery application, used when ``DRWEB_BROKER_URL`` names a broker."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "drweb.settings")

app = Celery("drweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

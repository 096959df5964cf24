"""The Django project: settings, URLs, ASGI application, Celery application."""

from drweb.celery import app as celery_app

__all__ = ["celery_app"]

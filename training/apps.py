from __future__ import annotations

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Holds the training commands; has no models."""

    name = "training"

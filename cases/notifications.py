"""Hints over the channel layer: "look again". The database row is the truth; a lost hint costs nothing."""

from __future__ import annotations

import logging

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings

logger = logging.getLogger(__name__)


def study_group(study_id: int) -> str:
    """Channel group of those who watch a study."""
    return f"study-{study_id}"


def study_changed(study_id: int) -> None:
    """Tell whoever watches the study to read it again. Never fails: pages poll as well."""
    layer = get_channel_layer() if settings.DRWEB_CHANNEL_URL else None
    if layer is None:  # one process cannot reach another's memory: consumers watch the row instead
        return
    try:
        async_to_sync(layer.group_send)(study_group(study_id), {"type": "study.changed", "study_id": study_id})
    except Exception:
        logger.warning("could not send the hint for study %s", study_id, exc_info=True)

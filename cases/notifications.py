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


def work_list_group(clinic_id: int) -> str:
    """Channel group of those who watch the work-list of a clinic."""
    return f"work-list-{clinic_id}"


def study_changed(study_id: int) -> None:
    """Tell whoever watches the study to read it again."""
    _look_again(study_group(study_id))


def work_list_changed(clinic_id: int) -> None:
    """Tell whoever watches the clinic's work-list to read it again."""
    _look_again(work_list_group(clinic_id))


def _look_again(group: str) -> None:
    """Never fails: pages poll as well."""
    layer = get_channel_layer() if settings.DRWEB_CHANNEL_URL else None
    if layer is None:  # one process cannot reach another's memory: consumers watch the row instead
        return
    try:
        async_to_sync(layer.group_send)(group, {"type": "look.again"})
    except Exception:
        logger.warning("could not send the hint to %s", group, exc_info=True)

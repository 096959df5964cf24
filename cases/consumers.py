"""Websockets: hints to look at a study again. What is true is read over HTTP."""

from __future__ import annotations

from channels.generic.websocket import AsyncJsonWebsocketConsumer


class StudyConsumer(AsyncJsonWebsocketConsumer):
    """Says ``{"type": "changed"}`` when a study should be read again."""

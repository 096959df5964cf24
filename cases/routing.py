"""Addresses of websockets."""

from django.urls import path

from cases.consumers import StudyConsumer

websocket_urlpatterns = [
    path("ws/studies/<int:study_id>/", StudyConsumer.as_asgi()),
]

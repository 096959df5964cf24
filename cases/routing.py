"""Addresses of websockets."""

from django.urls import path

from cases.consumers import StudyConsumer, WorkListConsumer

websocket_urlpatterns = [
    path("ws/studies/<int:study_id>/", StudyConsumer.as_asgi()),
    path("ws/work-list/", WorkListConsumer.as_asgi()),
]

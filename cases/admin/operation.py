from __future__ import annotations

from django.contrib import admin

from cases.admin.base import ReadOnlyAdmin
from cases.models import Worker


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("name", "processors", "networks", "started_at", "seen_at")

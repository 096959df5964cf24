from __future__ import annotations

import datetime as dt
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class WorkerQuerySet(models.QuerySet):
    """Workers by what they last said."""

    def alive(self) -> Self:
        """Those that said something within the time after which their photograph would go to another one."""
        heard = timezone.now() - dt.timedelta(seconds=settings.DRWEB_LEASE_SECONDS)
        return self.filter(seen_at__gte=heard)


class Worker(models.Model):
    """A process that analyses photographs, as it last spoke of itself. It works for every clinic."""

    name = models.CharField(_("name"), max_length=200, unique=True, help_text=_("Machine and process."))
    processors = models.JSONField(_("processors"), default=list, help_text=_("Whose queues it takes from."))
    threads = models.PositiveSmallIntegerField(_("photographs at once"), default=1)
    networks = models.JSONField(
        _("networks"), default=dict, blank=True, help_text=_("Loaded ones by name, with the engine that runs them.")
    )
    started_at = models.DateTimeField(_("started"))
    seen_at = models.DateTimeField(_("last heard of"))

    objects = WorkerQuerySet.as_manager()

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.choices import Role
from cases.models.base import ClinicRecord
from cases.models.clinic import Clinic


class Membership(ClinicRecord):
    """A person's role in a clinic."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("clinic"))
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("clinic", "user")
        constraints = (models.UniqueConstraint(fields=("user", "clinic"), name="one_role_per_user_and_clinic"),)

    def __str__(self) -> str:
        return f"{self.user} · {self.clinic} · {self.get_role_display()}"

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class NetworkVersion(models.Model):
    """A version of a network that was installed beside those that came with the system; its files are never changed.

    Which version is active is not said here but by the newest `NetworkActivation` of the network.
    """

    name = models.CharField(_("network"), max_length=50)
    version = models.CharField(_("version"), max_length=50)
    sha256 = models.CharField(_("sha256 of the weights"), max_length=64)
    card = models.JSONField(_("model card"))
    proposed = models.BooleanField(
        _("proposed"), default=False, help_text=_("Waits for a system administrator to judge and activate it.")
    )
    comparison = models.JSONField(
        _("comparison"),
        default=dict,
        blank=True,
        help_text=_("Figures of this version and of the then active one on the same photographs."),
    )
    installed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("installed by"),
        help_text=_("Empty: from the command line of the server."),
    )
    installed_at = models.DateTimeField(_("installed"), auto_now_add=True)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)

    class Meta:
        verbose_name = _("network version")
        verbose_name_plural = _("network versions")
        ordering = ("name", "-installed_at")
        constraints = (
            models.UniqueConstraint(fields=("name", "version"), name="one_network_version_of_a_name"),
            models.UniqueConstraint(fields=("name", "sha256"), name="one_network_version_of_a_sha256"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class NetworkActivation(models.Model):
    """One change of a network's active version. The newest row of each network holds; none is ever changed."""

    name = models.CharField(_("network"), max_length=50)
    version = models.CharField(_("version"), max_length=50)
    sha256 = models.CharField(_("sha256 of the weights"), max_length=64)
    previous_sha256 = models.CharField(_("sha256 of the version before"), max_length=64, blank=True)
    rolled_back = models.BooleanField(_("rolled back"), default=False)
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("activated by"),
        help_text=_("Empty: from the command line of the server."),
    )
    activated_at = models.DateTimeField(_("activated"), auto_now_add=True)

    class Meta:
        verbose_name = _("network activation")
        verbose_name_plural = _("network activations")
        ordering = ("-pk",)
        indexes = (models.Index(fields=("name",)),)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

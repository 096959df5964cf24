"""What every record of a clinic shares: deny by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, cast

from django.contrib.auth.models import AnonymousUser
from django.db import models

if TYPE_CHECKING:
    from cases.models.user import User


class ClinicQuerySet(models.QuerySet):
    """Rows that belong to a clinic, reached through `model.CLINIC_PATH`."""

    def for_user(self, user: User | AnonymousUser) -> Self:
        """The rows of the clinics `user` works in; system administrators (superusers) see all, anonymous users none."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self.all()
        clinics = user.memberships.values("clinic_id")
        path = cast("type[ClinicRecord]", self.model).CLINIC_PATH
        return self.filter(**{f"{path}__in": clinics})


class BlindQuerySet(ClinicQuerySet):
    """Rows by readers, who do not see each other's in a study that is still blind.

    `model.STUDY_PATH` leads to the study, `model.AUTHOR_PATH` to whose work it is.
    """

    def for_user(self, user: User | AnonymousUser) -> Self:
        """The rows of the user's clinics without what others did in blind studies, whatever the user's role."""
        row = cast("type[BlindRecord]", self.model)
        own = models.Q(**{row.AUTHOR_PATH: user.pk})
        return super().for_user(user).filter(models.Q(**{f"{row.STUDY_PATH}__blind": False}) | own)


class ClinicRecord(models.Model):
    """A row that belongs to one clinic."""

    CLINIC_PATH: ClassVar[str] = "clinic"

    created_at = models.DateTimeField(auto_now_add=True)

    objects = ClinicQuerySet.as_manager()

    class Meta:
        abstract = True


class BlindRecord(ClinicRecord):
    """A row by a reader."""

    STUDY_PATH: ClassVar[str]
    AUTHOR_PATH: ClassVar[str]

    objects = BlindQuerySet.as_manager()  # type: ignore[misc]  # in place of the base's

    class Meta:
        abstract = True

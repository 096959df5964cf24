"""What every record of a clinic shares: deny by default."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar, Self, cast

from django.contrib.auth.models import AnonymousUser
from django.db import models

if TYPE_CHECKING:
    from cases.models.user import User


class ClinicQuerySet(models.QuerySet):
    """Rows that belong to a clinic, reached through `model.CLINIC_PATH`."""

    def for_user(self, user: User | AnonymousUser) -> Self:
        """What `user` may see: the rows of their clinics, and of studies that other clinics share with them."""
        shared = cast("type[ClinicRecord]", self.model).SHARED_PATH
        if shared is None or user.is_superuser or not (user.is_authenticated and user.is_active):
            return self.of_clinics_of(user)
        from cases.models.study_share import StudyShare  # its study is a row of this kind

        return self.filter(
            self._of_clinics(user) | models.Q(**{f"{shared}__in": StudyShare.objects.for_guest(user).values("study")})
        )

    def of_clinics_of(self, user: User | AnonymousUser) -> Self:
        """The rows of the clinics `user` works in; system administrators (superusers) see all, anonymous users none."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self.all()
        return self.filter(self._of_clinics(user))

    def _of_clinics(self, user: User) -> models.Q:
        path = cast("type[ClinicRecord]", self.model).CLINIC_PATH
        return models.Q(**{f"{path}__in": user.memberships.values("clinic_id")})


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
    SHARED_PATH: ClassVar[str | None] = None
    """Leads to the study, for what another clinic sees of a study that is shared with it."""

    created_at = models.DateTimeField(auto_now_add=True)

    objects = ClinicQuerySet.as_manager()

    class Meta:
        abstract = True

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """As Django's, but rows in hand are not looked up once more: the database refuses what is gone."""
        in_hand = {
            field.name
            for field in self._meta.concrete_fields
            if isinstance(field, models.ForeignKey) and field.is_cached(self) and getattr(self, field.name) is not None
        }
        super().clean_fields(exclude={*(exclude or ()), *in_hand})


class BlindRecord(ClinicRecord):
    """A row by a reader."""

    STUDY_PATH: ClassVar[str]
    AUTHOR_PATH: ClassVar[str]

    objects = BlindQuerySet.as_manager()  # type: ignore[misc]  # in place of the base's

    class Meta:
        abstract = True

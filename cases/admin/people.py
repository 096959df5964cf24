from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases.admin.base import KeptAdmin
from cases.models import ApiToken, Clinic, Membership, User

# Rights come from memberships; groups would be a second way that nothing looks at.
admin.site.unregister(Group)


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user", "clinic")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_superuser", "memberships__clinic", "memberships__role")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal information"), {"fields": ("first_name", "last_name", "email", "language")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ()
    inlines = (MembershipInline,)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """People leave by "active" being switched off: their name stays on what they wrote."""
        return False


@admin.register(Clinic)
class ClinicAdmin(KeptAdmin):
    list_display = ("name", "default_model", "created_at")
    search_fields = ("name",)
    readonly_fields = ("created_at",)
    inlines = (MembershipInline,)


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ("user", "clinic", "role", "created_at")
    list_filter = ("role", "clinic")
    list_select_related = ("user", "clinic")
    search_fields = ("user__username", "user__last_name", "clinic__name")
    autocomplete_fields = ("user", "clinic")


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens are made by ``manage.py create_token``; here they can be seen and revoked (deleted)."""

    list_display = ("user", "name", "token_key", "created", "expiry")
    list_filter = ("user",)
    list_select_related = ("user",)
    search_fields = ("user__username", "name")
    fields = ("user", "name", "token_key", "created", "expiry")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: the token itself is shown once, where it is made."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """Nobody."""
        return False

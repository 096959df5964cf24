from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from cases.admin.base import ReadOnlyAdmin
from cases.models import HistoryEntry, LesionResult, MaskRevision, NetworkActivation, NetworkVersion, Prediction, Report


class LesionResultInline(admin.TabularInline):
    model = LesionResult
    fields = ("lesion", "count", "area_px", "area_percent_of_fov", "area_disc")
    readonly_fields = fields
    extra = 0
    can_delete = False


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = (
        "pk", "image", "model_name", "detail",
        "state", "grade", "attempts", "requested_by", "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("state", "model_name", "for_comparison", "grade", "image__study__clinic", "error_code")
    list_select_related = ("image", "requested_by")
    search_fields = ("=pk", "=image__pk", "=image__study__pk", "image__study__patient__record_number")
    date_hierarchy = "created_at"
    exclude = ("overlay", "explanation")
    inlines = (LesionResultInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        """Those made for comparison too."""
        return Prediction.objects.all()


@admin.register(LesionResult)
class LesionResultAdmin(ReadOnlyAdmin):
    list_display = ("prediction", "lesion", "count", "area_px", "area_percent_of_fov", "area_disc")
    list_filter = ("lesion", "prediction__model_name")
    list_select_related = ("prediction",)
    search_fields = ("=prediction__pk", "=prediction__image__pk")
    exclude = ("mask",)


@admin.register(MaskRevision)
class MaskRevisionAdmin(ReadOnlyAdmin):
    list_display = ("pk", "image", "lesion", "number", "author", "count", "area_px", "created_at")
    list_filter = ("lesion", "image__study__clinic", "author")
    list_select_related = ("image", "author")
    search_fields = ("=image__pk", "=image__study__pk", "author__username")
    date_hierarchy = "created_at"
    exclude = ("mask",)


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ("pk", "study", "language", "grade", "created_by", "created_at")
    list_filter = ("language", "grade", "study__clinic", "created_by")
    list_select_related = ("study", "created_by")
    search_fields = ("=study__pk", "study__patient__record_number", "patient_name")
    date_hierarchy = "created_at"
    exclude = ("pdf",)


@admin.register(NetworkVersion)
class NetworkVersionAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "sha256", "proposed", "installed_by", "installed_at", "retired_at")
    list_filter = ("name", "proposed")
    list_select_related = ("installed_by",)


@admin.register(NetworkActivation)
class NetworkActivationAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "sha256", "rolled_back", "activated_by", "activated_at")
    list_filter = ("name",)
    list_select_related = ("activated_by",)
    date_hierarchy = "activated_at"


# Registered by auditlog itself, with less to see.
admin.site.unregister(HistoryEntry)


@admin.register(HistoryEntry)
class HistoryEntryAdmin(ReadOnlyAdmin):
    list_display = ("timestamp", "actor", "what", "content_type", "object_repr", "via", "remote_addr")
    list_filter = ("action", "access", "via", "clinic", "content_type")
    list_select_related = ("actor", "content_type")
    search_fields = ("=study__pk", "patient__record_number", "actor__username")
    date_hierarchy = "timestamp"

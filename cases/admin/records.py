from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from cases.admin.base import KeptAdmin, ReadOnlyAdmin
from cases.models import Image, MaskAgreement, Patient, Reading, ReferralRule, SecondOpinion, Study, StudyShare


@admin.register(Patient)
class PatientAdmin(KeptAdmin):
    list_display = ("record_number", "name", "clinic", "birth_date", "sex", "diabetes_type")
    list_filter = ("clinic", "sex", "diabetes_type")
    list_select_related = ("clinic",)
    search_fields = ("record_number", "name")
    readonly_fields = ("created_at",)

    def get_readonly_fields(self, request: HttpRequest, obj: Patient | None = None) -> tuple[str, ...]:
        """A registered patient stays in their clinic: studies of the other clinic would show them."""
        return ("clinic", "created_at") if obj is not None else ("created_at",)


class ImageInline(admin.TabularInline):
    model = Image
    fields = ("filename", "laterality", "field", "width", "height", "uploaded_by", "created_at")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Study | None = None) -> bool:
        """Photographs come by upload, where they are checked."""
        return False


@admin.register(Study)
class StudyAdmin(KeptAdmin):
    list_display = ("pk", "patient", "clinic", "visit_date", "created_by", "created_at")
    list_filter = ("clinic", "visit_date")
    list_select_related = ("patient", "clinic", "created_by")
    search_fields = ("=pk", "patient__record_number", "patient__name")
    date_hierarchy = "visit_date"
    fields = ("clinic", "patient", "visit_date", "note", "created_by", "created_at")
    readonly_fields = ("clinic", "patient", "created_by", "created_at")
    inlines = (ImageInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Studies are opened on the pages and through the API."""
        return False


@admin.register(Image)
class ImageAdmin(ReadOnlyAdmin):
    """The files are not linked here: they are reached through checked addresses only."""

    list_display = ("pk", "filename", "study", "laterality", "field", "width", "height", "uploaded_by", "created_at")
    list_filter = ("study__clinic", "laterality", "file_format")
    list_select_related = ("study", "uploaded_by")
    search_fields = ("=pk", "filename", "sha256")
    date_hierarchy = "created_at"
    exclude = ("original", "preview")


@admin.register(Reading)
class ReadingAdmin(ReadOnlyAdmin):
    list_display = ("study", "reader", "state", "grade_od", "grade_os", "updated_at")
    list_filter = ("study__clinic", "state", "grade_od", "grade_os")
    list_select_related = ("study", "reader")
    search_fields = ("=study__pk", "study__patient__record_number", "reader__username")
    date_hierarchy = "updated_at"


@admin.register(StudyShare)
class StudyShareAdmin(ReadOnlyAdmin):
    list_display = ("study", "clinic", "until", "created_by", "created_at", "revoked_at")
    list_filter = ("study__clinic", "clinic")
    list_select_related = ("study", "clinic", "created_by")
    search_fields = ("=study__pk",)


@admin.register(SecondOpinion)
class SecondOpinionAdmin(ReadOnlyAdmin):
    list_display = ("study", "author", "grade_od", "grade_os", "created_at")
    list_filter = ("study__clinic", "share__clinic")
    list_select_related = ("study", "author")
    search_fields = ("=study__pk", "author__username")


@admin.register(MaskAgreement)
class MaskAgreementAdmin(ReadOnlyAdmin):
    list_display = ("reading", "other", "image", "lesion", "area_px", "other_area_px", "common_px")
    list_filter = ("lesion", "reading__study__clinic")
    list_select_related = ("reading__study", "reading__reader", "other__study", "other__reader", "image")


@admin.register(ReferralRule)
class ReferralRuleAdmin(admin.ModelAdmin):
    """A clinic's own rows; one that is deleted follows the product's table again."""

    list_display = ("clinic", "finding", "referral", "months", "source")
    list_filter = ("clinic", "finding")
    list_select_related = ("clinic",)

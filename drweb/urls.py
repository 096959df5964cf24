"""Root of all addresses."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.i18n import JavaScriptCatalog

urlpatterns = [
    path("admin/", admin.site.urls),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
    # Known clients write the first slash twice (/api//upload_image); both spellings reach the same view.
    re_path(r"^api//?", include("cases.api.urls")),
    path("", include("cases.urls")),
]

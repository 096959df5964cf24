"""Addresses of the API, without trailing slashes."""

from django.urls import URLPattern, URLResolver, re_path

from cases.api.views.fallback import NotFound

app_name = "api"

urlpatterns: list[URLPattern | URLResolver] = [
    # Last: whatever else is asked for below /api gets a 404 in the API's own shape.
    re_path(r"", NotFound.as_view(), name="not-found"),
]

from __future__ import annotations

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny


class Schema(SpectacularAPIView):
    """The OpenAPI schema; it tells nothing that the documentation does not."""

    permission_classes = [AllowAny]
    authentication_classes = []


class Docs(SpectacularSwaggerSplitView):
    """The schema to read and try, served from our own files: its script is a request of its own, as the CSP asks."""

    permission_classes = [AllowAny]
    authentication_classes = []
    url_name = "api:schema"
    template_name = "api/docs.html"

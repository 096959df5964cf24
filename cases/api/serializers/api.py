from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.reverse import reverse


class ApiSerializer(serializers.Serializer):
    """A serializer that builds absolute addresses of the API from the request in its context."""

    def link(self, name: str, **kwargs: Any) -> str:
        """The absolute address of ``api:<name>``."""
        return reverse(f"api:{name}", kwargs=kwargs, request=self.context.get("request"))

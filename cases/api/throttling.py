"""Request limits. Where the cache that counts is away (Redis), they are lifted instead of refusing everybody."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from redis.exceptions import RedisError
from rest_framework import throttling
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports this module

logger = logging.getLogger(__name__)


class AnonRateThrottle(throttling.AnonRateThrottle):
    """Of an address without credentials."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether the caller is within the limit, or nobody can tell."""
        try:
            return super().allow_request(request, view)
        except RedisError:
            logger.warning("requests are not counted: the cache is away", exc_info=True)
            return True


class UserRateThrottle(throttling.UserRateThrottle):
    """Of a user."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether the caller is within the limit, or nobody can tell."""
        try:
            return super().allow_request(request, view)
        except RedisError:
            logger.warning("requests are not counted: the cache is away", exc_info=True)
            return True

"""Redis as what a cache is: something that may be gone at any moment without harm."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

Value = TypeVar("Value")


class ForgetfulRedisCache(RedisCache):
    """Django's, but while the server is away nothing is found and nothing is kept, where it would raise.

    So request limits do not count for a while, and an access may be recorded once more.
    """

    def add(self, *args: Any, **kwargs: Any) -> bool:
        """True, as for a key that was not there."""
        return self._or_else(True, lambda: super(ForgetfulRedisCache, self).add(*args, **kwargs))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """The default."""
        return self._or_else(default, lambda: super(ForgetfulRedisCache, self).get(key, default, version))

    def set(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""
        self._or_else(None, lambda: super(ForgetfulRedisCache, self).set(*args, **kwargs))

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        """False, as for a key that was not there."""
        return self._or_else(False, lambda: super(ForgetfulRedisCache, self).delete(*args, **kwargs))

    def _or_else(self, answer: Value, call: Callable[[], Value]) -> Value:
        try:
            return call()
        except RedisError as error:
            logger.warning("the cache is away: %s", error)
            return answer

"""One cache for each namespace that a release uses: tags and purges reach one namespace alone.

Two versions of a project have one namespace, and share its cache, unless the namespace or the
addresses that stand for it change. A cache that no release uses any more is closed.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bff.cache.cache import Cache
from bff.web.serving.users import Users


class Caches:
    """The caches of one event loop, made on it; each has memory of its own. Its methods are for
    that loop alone."""

    def __init__(self, open_cache: Callable[[str], Cache]) -> None:
        self._open_cache = open_cache
        self._caches: dict[str, Cache] = {}
        self._users = Users(self._take)

    def __len__(self) -> int:
        return len(self._caches)

    def of(self, namespace: str) -> Cache:
        """The cache of the namespace, opened where nobody has."""
        cache = self._caches.get(namespace)
        if cache is None:
            cache = self._caches[namespace] = self._open_cache(namespace)
        return cache

    def keep_for(self, user: object, namespace: str) -> None:
        """Leave the namespace's cache open as long as the user exists."""
        self._users.add(user, namespace)

    async def close(self) -> None:
        """Close every cache."""
        caches, self._caches = list(self._caches.values()), {}
        await asyncio.gather(*(cache.close() for cache in caches), self._users.close())

    def _take(self, namespace: str) -> Coroutine[Any, Any, None] | None:
        cache = self._caches.pop(namespace, None)
        return None if cache is None else cache.close()

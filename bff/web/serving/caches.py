"""One cache for each namespace that a release uses: tags and purges reach one namespace alone.

Two versions of a project have one namespace, and share its cache, unless the namespace or the
addresses that stand for it change. A cache that no release uses any more is closed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final

from bff.cache.cache import Cache
from bff.cache.results import CacheSize
from bff.telemetry.metrics.definitions.cache import (
    MEMORY_BYTES,
    MEMORY_ENTRIES,
    PURGES_OWED,
    STORE_HEARS,
)
from bff.telemetry.metrics.definitions.definition import Definition
from bff.telemetry.metrics.families import Metrics
from bff.web.serving.users import Users

_SIZES: Final[Mapping[Definition, Callable[[CacheSize], float]]] = {
    MEMORY_BYTES: lambda size: size.bytes,
    MEMORY_ENTRIES: lambda size: size.entries,
    PURGES_OWED: lambda size: size.purges_owed,
}


class Caches:
    """The caches of one event loop, made on it; each has memory of its own. Its methods are for
    that loop alone."""

    def __init__(self, open_cache: Callable[[str], Cache], metrics: Metrics | None = None) -> None:
        self._open_cache = open_cache
        self._metrics = metrics or Metrics()
        self._caches: dict[str, Cache] = {}
        for gauge, read in _SIZES.items():
            self._metrics.gauge(gauge).watch((), partial(self._sum, read))
        self._users = Users(self._take)

    def __len__(self) -> int:
        return len(self._caches)

    def of(self, namespace: str) -> Cache:
        """The cache of the namespace, opened where nobody has."""
        cache = self._caches.get(namespace)
        if cache is None:
            cache = self._caches[namespace] = self._open_cache(namespace)
            if cache.size().hears_purges is not None:
                self._metrics.gauge(STORE_HEARS).watch((), self._hears)
        return cache

    def keep_for(self, user: object, namespace: str) -> None:
        """Leave the namespace's cache open as long as the user exists."""
        self._users.add(user, namespace)

    async def close(self) -> None:
        """Close every cache."""
        caches, self._caches = list(self._caches.values()), {}
        await asyncio.gather(*(cache.close() for cache in caches), self._users.close())

    def _sum(self, read: Callable[[CacheSize], float]) -> float:
        return sum(read(cache.size()) for cache in list(self._caches.values()))

    def _hears(self) -> float:
        return all(cache.size().hears_purges for cache in list(self._caches.values()))

    def _take(self, namespace: str) -> Coroutine[Any, Any, None] | None:
        cache = self._caches.pop(namespace, None)
        return None if cache is None else cache.close()

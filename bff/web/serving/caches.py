"""One cache for each namespace that a release uses: tags and purges reach one namespace alone.

Two versions of a project have one namespace, and share its cache, unless the namespace or the
addresses that stand for it change. A cache that no release uses any more is closed.
"""

import asyncio
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from bff.cache.cache import Cache


class Caches:
    """The caches of one event loop, made on it; each has memory of its own. Its methods are for
    that loop alone."""

    def __init__(self, open_cache: Callable[[str], Cache]) -> None:
        self._open_cache = open_cache
        self._loop = asyncio.get_running_loop()
        self._caches: dict[str, Cache] = {}
        self._users: Counter[str] = Counter()
        self._closing: set[asyncio.Task[None]] = set()

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
        self._users[namespace] += 1
        weakref.finalize(user, self._note_end, namespace).atexit = False

    async def close(self) -> None:
        """Close every cache."""
        caches, self._caches = list(self._caches.values()), {}
        await asyncio.gather(*(cache.close() for cache in caches), *self._closing)

    def _note_end(self, namespace: str) -> None:
        """A user has gone, on whatever thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._count_out, namespace)

    def _count_out(self, namespace: str) -> None:
        self._users[namespace] -= 1
        if self._users[namespace] > 0:
            return
        del self._users[namespace]
        cache = self._caches.pop(namespace, None)
        if cache is not None:
            closing = self._loop.create_task(cache.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

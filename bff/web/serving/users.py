"""What several releases use together, by a key: let go once none of them uses it any more."""

import asyncio
import weakref
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any


class Users:
    """Counts the users of each key on the running loop. When the last user of a key has gone, it
    calls `take`, from which on nobody finds what is under the key, and runs what that returns. A
    user is gone when nothing refers to it: requests in flight do. Its methods are for that loop
    alone."""

    def __init__(self, take: Callable[[str], Coroutine[Any, Any, None] | None]) -> None:
        self._take: Callable[[str], Coroutine[Any, Any, None] | None] | None = take
        self._loop = asyncio.get_running_loop()
        self._users: Counter[str] = Counter()
        self._letting_go: set[asyncio.Task[None]] = set()

    def add(self, user: object, key: str) -> None:
        """Count a user for as long as it exists."""
        self._users[key] += 1
        weakref.finalize(user, self._note_end, key).atexit = False

    async def close(self) -> None:
        """Wait for what is being let go, and let nothing more go."""
        self._take = None  # the owner has these users: a cycle for the collector
        await asyncio.gather(*self._letting_go)

    def _note_end(self, key: str) -> None:
        """A user has gone, on whatever thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._count_out, key)

    def _count_out(self, key: str) -> None:
        self._users[key] -= 1
        if self._users[key] > 0:
            return
        del self._users[key]
        ending = None if self._take is None else self._take(key)
        if ending is not None:
            task = self._loop.create_task(ending)
            self._letting_go.add(task)
            task.add_done_callback(self._letting_go.discard)

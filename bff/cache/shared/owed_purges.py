"""Purges on their way to Redis: each is owed from when it is asked for until Redis has been told.

    asked for now     told at once, on a thread
    not told          owed: Redis failed, is left alone, or has too many purges to make already
    owed              told in parts, one part at a time; a part that fails goes behind the others,
                      and after a pause the next is tried, until nothing is owed

They have threads of their own, since a purge takes as long as what it deletes is large: requests
would find none to read with. For one event loop.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from itertools import islice

THREADS = 2  # one for what is asked for now, while the other makes up for what was missed

_AT_ONCE = 50
_MOST_TELLING = 16
_MOST_OWED = 10_000
_PAUSE_SECONDS = 1.0

_log = logging.getLogger(__name__)


class OwedPurges:
    """`purge` is called on one of the threads, and raises where Redis could not be told. `admits`
    says whether to try a new one; `answered` and `failed` hear what came of it."""

    def __init__(
        self,
        purge: Callable[[Sequence[str]], int],
        threads: Executor,
        *,
        admits: Callable[[], bool],
        answered: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._purge = purge
        self._threads = threads
        self._admits = admits
        self._answered = answered
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._tags: dict[str, None] = {}  # in order
        self._part: list[str] = []  # of them, is being told
        self._telling: set[asyncio.Task[int | None]] = set()
        self._settling: asyncio.Task[None] | None = None
        self._again = asyncio.Event()
        self._closing = False

    def __len__(self) -> int:
        """How much Redis has yet to be told."""
        return len(self._tags) + len(self._part) + len(self._telling)

    async def tell(self, tags: Sequence[str], seconds: float) -> int | None:
        """Tell Redis; how many entries it had. None where that takes longer than so many seconds,
        or fails: it goes on without the caller."""
        if self._closing or len(self._telling) >= _MOST_TELLING or not self._admits():
            self._owe(tags)
            return None
        telling = self._loop.create_task(self._tell(tags))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)
        await asyncio.wait((telling,), timeout=seconds)
        return telling.result() if telling.done() and not telling.cancelled() else None

    def settle(self) -> None:
        """Tell Redis now of what is owed: it seems to answer."""
        self._again.set()
        if self._tags and self._settling is None:
            self._settling = self._loop.create_task(self._settle())

    async def finish(self) -> None:
        """Tell what is owed if Redis answers, and no more after that."""
        self._closing = True
        if self._telling:
            await asyncio.wait(self._telling)
        self.settle()
        if self._settling is not None:
            await asyncio.wait((self._settling,))
        if self._tags:
            _log.warning(
                "%d tags stay unpurged in Redis, which does not answer; purge them again",
                len(self._tags),
            )

    async def _tell(self, tags: Sequence[str]) -> int | None:
        try:
            gone = await self._in_thread(tags)
        except Exception as error:  # whatever it is, it is tried again
            self._owe(tags)
            self._failed(error)
            return None
        self._answered()
        return gone

    def _owe(self, tags: Sequence[str]) -> None:
        self._tags.update(dict.fromkeys(tags))
        while len(self._tags) > _MOST_OWED:
            self._tags.pop(next(iter(self._tags)))
        if self._settling is None and not self._closing:
            self.settle()

    async def _settle(self) -> None:
        told = 0
        try:
            while self._tags:
                self._part = list(islice(self._tags, _AT_ONCE))
                for tag in self._part:
                    del self._tags[tag]
                self._again.clear()
                if await self._tell_part():
                    told += len(self._part)
                    self._answered()
                elif self._closing:
                    return
                else:
                    await self._pause()
        finally:
            self._part, self._settling = [], None
            if told:
                _log.warning("purged, later than asked: %d tags", told)

    async def _tell_part(self) -> bool:
        try:
            await self._in_thread(self._part)
        except Exception as error:  # no news for the breaker: it hears of requests alone
            _log.debug("a purge that is owed: %s: %s", type(error).__name__, error)
            failed, self._part = self._part, []
            self._owe(failed)
            return False
        return True

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._again.wait(), _PAUSE_SECONDS)

    async def _in_thread(self, tags: Sequence[str]) -> int:
        return await self._loop.run_in_executor(self._threads, self._purge, tags)

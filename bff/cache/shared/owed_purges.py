"""Purges on their way to Redis: each is owed from when it is requested until Redis has made it.

    requested         made at once, on a thread
    not made          owed: Redis failed, is left alone, or has too many purges to make already
    owed              made in parts, one part at a time; a part that fails goes behind the others,
                      and after a pause the next is tried, until nothing is owed
    too many to owe   everything that has tags is owed instead, so that no purge is lost

They have threads of their own: a purge takes as long as what it deletes is large, and requests
would find no thread to read with. For one event loop.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from contextlib import suppress

from bff.cache.entries import Entry
from bff.plan.model.caching import EVERYTHING, Everything, PurgedTags

THREADS = 2  # one for new purges, while the other makes the owed ones

_MOST_MAKING = 16
_MOST_OWED = 10_000
_MOST_IN_A_PART = 100
_PAUSE_SECONDS = 1.0

_log = logging.getLogger(__name__)


class OwedTags:
    """The tags of owed purges, oldest first: `_MOST_OWED` at most, or everything instead. The
    tags are distinct."""

    def __init__(self) -> None:
        self._tags: OrderedDict[str, None] = OrderedDict()
        self._everything = False

    def __len__(self) -> int:
        return len(self._tags) + self._everything

    def add(self, tags: PurgedTags) -> None:
        """Add the tags behind the others."""
        if self._everything:
            return
        if not isinstance(tags, Everything):
            self._tags.update(dict.fromkeys(tags))
        if isinstance(tags, Everything) or len(self._tags) > _MOST_OWED:
            self._everything = True
            self._tags.clear()

    def take(self) -> PurgedTags:
        """Remove what one purge can make, the oldest first, and return it."""
        if self._everything:
            self._everything = False
            return EVERYTHING
        count = min(_MOST_IN_A_PART, len(self._tags))
        return tuple(self._tags.popitem(last=False)[0] for _ in range(count))

    def names(self, entry: Entry) -> bool:
        """Whether the entry has one of the tags."""
        return names(EVERYTHING if self._everything else self._tags, entry)

    def __str__(self) -> str:
        return described(EVERYTHING if self._everything else self._tags)


class OwedPurges:
    """`purge` is called on one of the threads, and raises where Redis could not make the purge.
    `admits` returns whether to try a new one; `answered` and `failed` hear what came of it."""

    def __init__(
        self,
        purge: Callable[[PurgedTags], int],
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
        self._owed = OwedTags()
        self._part: PurgedTags = ()  # of them, which is being made
        self._making: set[asyncio.Task[int | None]] = set()
        self._settling: asyncio.Task[None] | None = None
        self._again = asyncio.Event()
        self._closing = False

    def __len__(self) -> int:
        """How much Redis has yet to make."""
        return len(self._owed) + (self._part != ()) + len(self._making)

    def names(self, entry: Entry) -> bool:
        """Whether an owed purge names the entry, so that Redis may still hold it."""
        return self._owed.names(entry) or names(self._part, entry)

    async def make(self, tags: PurgedTags, seconds: float) -> int | None:
        """Make a purge; returns how many entries Redis had. None where that takes longer than so
        many seconds, or fails: it goes on without the caller."""
        if self._closing or len(self._making) >= _MOST_MAKING or not self._admits():
            self._owe(tags)
            return None
        making = self._loop.create_task(self._make(tags))
        self._making.add(making)
        making.add_done_callback(self._making.discard)
        await asyncio.wait((making,), timeout=seconds)
        return making.result() if making.done() and not making.cancelled() else None

    def settle(self) -> None:
        """Make what is owed now: Redis seems to answer."""
        self._again.set()
        if self._owed and self._settling is None:
            self._settling = self._loop.create_task(self._settle())

    async def finish(self) -> None:
        """Make what is owed if Redis answers, and no more after that."""
        self._closing = True
        if self._making:
            await asyncio.wait(self._making)
        self.settle()
        if self._settling is not None:
            await asyncio.wait((self._settling,))
        if self._owed:
            _log.warning("not purged in Redis, which does not answer: %s; purge again", self._owed)

    async def _make(self, tags: PurgedTags) -> int | None:
        try:
            gone = await self._in_thread(tags)
        except Exception as error:  # whatever it is, it is tried again
            self._owe(tags)
            self._failed(error)
            return None
        self._answered()
        return gone

    def _owe(self, tags: PurgedTags) -> None:
        self._owed.add(tags)
        if self._settling is None and not self._closing:
            self.settle()

    async def _settle(self) -> None:
        try:
            while self._owed:
                self._part = self._owed.take()
                self._again.clear()
                if await self._make_part():
                    self._answered()
                elif self._closing:
                    return
                else:
                    await self._pause()
        finally:
            self._settling = None

    async def _make_part(self) -> bool:
        try:
            await self._in_thread(self._part)
        except Exception as error:  # no news for the breaker: it hears of requests alone
            _log.debug("an owed purge: %s: %s", type(error).__name__, error)
            self._owed.add(self._part)
            return False
        else:
            _log.warning("purged, later than requested: %s", described(self._part))
            return True
        finally:
            self._part = ()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            # `wait_for` swallows a cancellation that comes together with the end (Python 3.11).
            async with asyncio.timeout(_PAUSE_SECONDS):
                await self._again.wait()

    async def _in_thread(self, tags: PurgedTags) -> int:
        return await self._loop.run_in_executor(self._threads, self._purge, tags)


def names(tags: Collection[str] | Everything, entry: Entry) -> bool:
    """Whether a purge of the tags makes the entry void."""
    if isinstance(tags, Everything):
        return bool(entry.tags)
    return any(tag in tags for tag in entry.tags)


def described(tags: Collection[str] | Everything) -> str:
    """The tags, for the log."""
    if isinstance(tags, Everything):
        return tags.value
    return "1 tag" if len(tags) == 1 else f"{len(tags)} tags"

"""Entries that the workers share: through a Flask-Caching backend, and Redis for the rest.

Rules:
1. A store that fails is a store that is empty: nothing here raises for trouble with it.
2. The event loop never waits on a socket: the libraries are synchronous, so reads and writes have
   threads of their own; a read gives up after `WAIT_BUDGET_SECONDS`, all waiting included.
3. After five failures the store is left alone for a growing pause (`bff.breaker`).
4. Writes wait in a bounded queue and are dropped when it is full: nobody waits for them.
5. A purge that Redis could not be told of is told again when it answers
   (`bff.cache.shared.owed_purges`).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar, TypeVarTuple

from redis.exceptions import ResponseError

from bff.breaker import Breaker
from bff.cache.entries import Entry
from bff.cache.freshness import CLOCK_SKEW_SECONDS
from bff.cache.redis.leases import Lease
from bff.cache.redis.purge_channel import Purged
from bff.cache.shared.envelope import MAX_VALUE_BYTES
from bff.cache.shared.in_time import in_time
from bff.cache.shared.links import StoreClient
from bff.cache.shared.owed_purges import THREADS, OwedPurges
from bff.engine.values.wait_budget import WAIT_BUDGET_SECONDS, WaitBudget

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_READERS = 4
_WAITING_WRITES = 256
_WAITING_BYTES = 32 * 1024 * 1024
_CLOSE_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Found(NamedTuple):
    """What the store had under a key, and the lead where it was not good enough and nobody else
    makes it; a `lead` of None beside an entry that is not wanted: somebody does."""

    entry: Entry | None
    lead: Lease | None


class SharedStore:
    """One per event loop, made on it, after any fork; its methods are for that loop alone.
    `purged` is called there for every purge that anybody made, `missed` when some may have gone
    unheard."""

    def __init__(
        self,
        link: StoreClient,
        *,
        purged: Purged = lambda tags, at: None,
        missed: Callable[[], None] = lambda: None,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.time,
        seconds: float = WAIT_BUDGET_SECONDS,
    ) -> None:
        self._link = link
        self._seconds = seconds  # for each answer
        self._breaker = breaker or Breaker()
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._readers = ThreadPoolExecutor(_READERS, "bff-cache-read")
        self._writer = ThreadPoolExecutor(1, "bff-cache-write")
        self._writes: set[asyncio.Future[Any]] = set()
        self._waiting_bytes = 0
        self._purgers = ThreadPoolExecutor(THREADS, "bff-cache-purge")
        self._owed = OwedPurges(
            link.purge,
            self._purgers,
            admits=self._breaker.admits,
            answered=self._note_answer,
            failed=self._note_trouble,
        )
        self._told: set[str] = set()

        def lost_or_back() -> None:
            missed()
            self._owed.settle()

        tell = self._tell_loop
        link.listen(lambda *news: tell(purged, *news), lambda: tell(lost_or_back))

    @property
    def hears_purges(self) -> bool:
        """Whether purges made by others are heard of now."""
        return self._link.hears_purges

    async def find(
        self,
        key: str,
        is_wanted: Callable[[Entry], bool],
        lead_seconds: float,
        patience: WaitBudget | None = None,
    ) -> Found:
        """The entry under this key; and the lead, for `lead_seconds`, unless the entry is wanted
        or another worker has it. In trouble, and when the request has no `patience` left, there is
        no entry, and the lead is the caller's."""

        def find() -> Found:
            entry, is_flawed = self._read(key)
            if entry is not None and is_wanted(entry):
                return Found(entry, None)
            lead = self._link.take_lead(key, lead_seconds)
            if lead is not None and lead.token and not is_flawed:
                with suppress(Exception):  # the lead is there all the same
                    made, _ = self._read(key)  # by who led until now
                    if made is not None and is_wanted(made):
                        self._link.release_lead(lead)
                        return Found(made, None)
            return Found(entry, lead)

        found = await self._ask(find, self._let_go_late, patience)
        return found or Found(None, self.alone(key))

    async def look(self, key: str) -> tuple[Entry | None, bool]:
        """The entry under this key, and whether some worker is making it; in trouble nothing."""

        def look() -> tuple[Entry | None, bool]:
            is_led = self._link.is_led(key)  # first: who leads stores before letting go
            return self._read(key)[0], is_led

        return await self._ask(look) or (None, False)

    def alone(self, key: str) -> Lease:
        """A lead that nobody else knows of, begun by our own clock: early enough for a purge that
        the store's tells of."""
        return Lease(key, "", self._clock() - CLOCK_SKEW_SECONDS)

    def put(self, entry: Entry, kept_seconds: float, lead: Lease) -> bool:
        """Store the entry in the background for others to find `kept_seconds` long, and let go of
        the lead; False when it is dropped instead."""
        size = entry.size_bytes
        if (
            size > MAX_VALUE_BYTES
            or self._waiting_bytes + size > _WAITING_BYTES
            or (entry.tags and not self._link.knows_tags)
        ):
            self.let_go(lead)
            return False
        ends_at = entry.stored_at + kept_seconds

        def write() -> None:
            try:
                if self._clock() < ends_at:
                    self._link.write(entry, ends_at - self._clock(), ends_at)
            finally:
                if lead.token:
                    self._link.release_lead(lead)

        return self._write(write, size)

    def let_go(self, lead: Lease) -> None:
        """Give up a lead, in the background."""
        if lead.token:
            self._write(lambda: self._link.release_lead(lead), 0)

    def drop(self, lead: Lease) -> None:
        """Delete the entry under a lead's key, in the background, and let go of the lead."""

        def drop() -> None:
            self._link.drop(lead.key)
            if lead.token:
                self._link.release_lead(lead)

        self._write(drop, 0)

    async def purge(self, tags: Sequence[str], seconds: float | None = None) -> int | None:
        """Delete what has one of the tags and tell every worker; how many entries there were. None
        where that takes longer than so many seconds, or can't be: it is made when Redis answers."""
        return await self._owed.tell(tags, seconds or self._seconds)

    async def close(self) -> None:
        """Finish the writes that wait and the purges that are owed, for a second at most, and close
        every connection."""
        finishing = self._loop.create_task(self._owed.finish())
        await asyncio.wait((finishing, *self._writes), timeout=_CLOSE_SECONDS)
        executors = (self._readers, self._writer, self._purgers)
        for executor in executors:
            executor.shutdown(wait=False, cancel_futures=True)
        # Ends what still waits for an answer.
        await asyncio.to_thread(self._link.close)
        for executor in executors:
            await asyncio.to_thread(executor.shutdown)
        await finishing

    def _let_go_late(self, found: Future[Found]) -> None:
        """A lead that came when nobody waited for it any more would make others wait."""
        if found.cancelled() or found.exception() is not None:
            return
        if (lead := found.result().lead) is not None and lead.token:
            self._tell_loop(self._release_late, lead)

    def _release_late(self, lead: Lease) -> None:
        # Redis has answered, so the breaker isn't asked: this would take the probe from a request.
        with suppress(RuntimeError):  # closed by now
            self._queue(lambda: self._link.release_lead(lead), 0)

    async def _ask(
        self,
        question: Callable[[], T],
        late: Callable[[Future[T]], None] | None = None,
        patience: WaitBudget | None = None,
    ) -> T | None:
        """The answer, had in a thread in time; None in trouble, which is noted. One that comes too
        late, or when the caller has gone, goes to `late`, on the thread."""
        patience = patience or WaitBudget(self._seconds)
        seconds = min(self._seconds, patience.left(self._loop.time()))
        if seconds <= 0 or not self._breaker.admits():
            return None
        asked = self._readers.submit(question)
        patience.begin(self._loop.time())
        try:
            answer = await in_time(asked, seconds)
        except BaseException as error:
            if late is not None:
                asked.add_done_callback(late)
            if not isinstance(error, Exception):
                raise
            self._note_trouble(error)  # whatever it is: the payload can be had without the store
            return None
        finally:
            patience.end(self._loop.time())
        self._note_answer()
        return answer

    def _write(self, write: Callable[[], None], size: int) -> bool:
        if len(self._writes) >= _WAITING_WRITES or not self._breaker.admits():
            return False
        self._queue(write, size)
        return True

    def _queue(self, write: Callable[[], None], size: int) -> None:
        future = self._loop.run_in_executor(self._writer, write)
        self._writes.add(future)
        self._waiting_bytes += size

        def done(future: asyncio.Future[None]) -> None:
            self._writes.discard(future)
            self._waiting_bytes -= size
            if future.cancelled():
                return
            error = future.exception()
            if error is None:
                self._note_answer()
            else:
                self._note_trouble(error)

        future.add_done_callback(done)

    def _read(self, key: str) -> tuple[Entry | None, bool]:
        """The entry under the key, and whether what is there is not one of ours."""
        entry, flaw = self._link.read(key)
        if flaw is not None:
            self._tell_loop(
                self._tell_once, f"a value in {self._link.name} is {flaw}", "it counts as a miss"
            )
        return entry, flaw is not None

    def _tell_loop(self, tell: Callable[[*Ts], None], *about: *Ts) -> None:
        """From a thread; nothing happens when the loop is closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell, *about)

    # -------------------------------------------------------------- what is known of the store

    def _note_answer(self) -> None:
        was_open = self._breaker.is_open
        self._breaker.succeeded()
        if was_open:
            _log.warning("%s answers again", self._link.name)
            self._link.disconnect()  # from what still waits since before
            self._owed.settle()

    def _note_trouble(self, error: BaseException) -> None:
        if isinstance(error, ResponseError):  # it answers: full, read-only, a key of another type
            self._note_answer()
            self._tell_once(f"{self._link.name} refuses", str(error))
            return
        was_open = self._breaker.is_open
        if not self._breaker.failed():
            return
        # Threads that read from a server that drips would wait on, since no single wait is too
        # long. One that connects a moment later is freed at the next probe, whatever comes of it.
        self._link.disconnect()
        if not was_open:
            _log.warning(
                "%s fails (%s: %s); going on without it, trying again now and then",
                self._link.name,
                type(error).__name__,
                error,
            )

    def _tell_once(self, what: str, more: str) -> None:
        if what not in self._told:
            self._told.add(what)
            _log.warning("%s: %s (told once)", what, more)

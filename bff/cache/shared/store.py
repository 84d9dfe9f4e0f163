"""Entries that the workers share: through a Flask-Caching backend, and Redis for the rest.

Rules:
1. A store that fails is a store that is empty: nothing here raises for trouble with it.
2. The event loop never waits on a socket: the libraries are synchronous, so reads and writes have
   threads of their own; a read gives up after `WAIT_BUDGET_SECONDS`, all waiting included.
3. After five failures the store is left alone for a growing pause (`bff.breaker`).
4. Writes wait in a bounded queue and are dropped when it is full: nobody waits for them.
5. A purge that Redis could not make is made when it answers again
   (`bff.cache.shared.owed_purges`). Until then nothing that it names is returned.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Literal, NamedTuple, TypeVarTuple

from bff.breaker import Breaker
from bff.cache.counts import StoreCounts
from bff.cache.entries import Entry
from bff.cache.freshness import CLOCK_SKEW_SECONDS
from bff.cache.redis.leases import Lease
from bff.cache.redis.purge_channel import Purged
from bff.cache.shared.backends import open_backend
from bff.cache.shared.envelope import MAX_TTL_SECONDS, MAX_VALUE_BYTES
from bff.cache.shared.owed_purges import THREADS, OwedPurges
from bff.cache.shared.questions import Questions
from bff.cache.shared.store_clients import RedisStoreClient, StoreClient
from bff.deadline import WAIT_BUDGET_SECONDS, WaitBudget
from bff.plan.model.caching import PurgedTags
from bff.redis.health import StoreHealth, store_breaker
from bff.telemetry.metrics.families import Metrics

Ts = TypeVarTuple("Ts")

_WAITING_WRITES = 256
_WAITING_BYTES = 32 * 1024 * 1024
_CLOSE_SECONDS = 1.0


class Found(NamedTuple):
    """What the store had under a key, and the lease where it was not good enough and nobody else
    makes it; a `lease` of None beside an entry that is not wanted: somebody does."""

    entry: Entry | None
    lease: Lease | None


def open_store(
    redis_url: str | None,
    namespace: str,
    backend_config: Mapping[str, Any] | None = None,
    *,
    purged: Purged,
    missed: Callable[[], None],
    metrics: Metrics | None = None,
) -> "EntryStore | None":
    """The store at a Redis URL, or the one that Flask-Caching's own configuration names; None
    without either. Connects on first use, so it may be made while Redis is down. Raises
    `SettingsError`."""
    if backend_config is not None:
        client = StoreClient(open_backend(backend_config))
    elif redis_url is not None:
        client = RedisStoreClient(redis_url, namespace, seconds=WAIT_BUDGET_SECONDS)
    else:
        return None
    return EntryStore(client, purged=purged, missed=missed, metrics=metrics)


class EntryStore:
    """One per event loop, made on it, after any fork; its methods are for that loop alone.
    `purged` is called there for every purge that anybody made, `missed` when some may have gone
    unheard."""

    def __init__(
        self,
        client: StoreClient,
        *,
        purged: Purged = lambda tags, at: None,
        missed: Callable[[], None] = lambda: None,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.time,
        seconds: float = WAIT_BUDGET_SECONDS,
        metrics: Metrics | None = None,
    ) -> None:
        self._client = client
        self._seconds = seconds  # for each answer
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._writer = ThreadPoolExecutor(1, "bff-cache-write")
        self._writes: set[asyncio.Future[Any]] = set()
        self._waiting_bytes = 0
        self._purgers = ThreadPoolExecutor(THREADS, "bff-cache-purge")
        self._health = StoreHealth(
            client.name, breaker or store_breaker(), client.disconnect, lambda: self._owed.settle()
        )
        self._counts = StoreCounts(metrics or Metrics())
        self._questions = Questions(self._health, seconds, self._counts)
        self._owed = OwedPurges(
            self._purge,
            self._purgers,
            admits=self._health.admits,
            answered=self._health.note_answer,
            failed=self._health.note_trouble,
        )

        def lost_or_back() -> None:
            missed()
            self._owed.settle()

        call = self._call_on_loop
        client.listen(lambda *news: call(purged, *news), lambda: call(lost_or_back))

    @property
    def purges_owed(self) -> int:
        """How many purges Redis has yet to make."""
        return len(self._owed)

    @property
    def knows_tags(self) -> bool:
        """Whether it stores tagged entries, and receives purges."""
        return self._client.knows_tags

    @property
    def hears_purges(self) -> bool:
        """Whether purges made by others are heard now."""
        return self._client.hears_purges

    async def find(
        self,
        key: str,
        is_wanted: Callable[[Entry], bool],
        lease_seconds: float,
        patience: WaitBudget | None = None,
    ) -> Found:
        """The entry under this key; and the lease, for `lease_seconds`, unless the entry is wanted
        or another worker has it. In trouble, and when the request has no `patience` left, there is
        no entry, and the lease is the caller's. `is_wanted` is called on a thread."""

        def find() -> Found:
            entry, is_flawed = self._read(key)
            if entry is not None and is_wanted(entry):
                return Found(entry, None)
            lease = self._client.take_lease(key, lease_seconds)
            if lease is not None and lease.token and not is_flawed:
                with suppress(Exception):  # the lease is there all the same
                    made, _ = self._read(key)  # by the worker that had the lease until now
                    if made is not None and is_wanted(made):
                        self._client.release_lease(lease)
                        return Found(made, None)
            return Found(entry, lease)

        found = await self._questions.ask("find", find, self._release_unused, patience)
        return found or Found(None, self.own_lease(key))

    async def look(self, key: str) -> tuple[Entry | None, bool]:
        """The entry under this key, and whether some worker is making it; in trouble nothing."""

        def look() -> tuple[Entry | None, bool]:
            is_leased = self._client.is_leased(key)  # first: a worker stores, then releases
            return self._read(key)[0], is_leased

        return await self._questions.ask("look", look) or (None, False)

    def own_lease(self, key: str) -> Lease:
        """A lease that nobody else knows of, begun by our own clock: early enough for a purge with
        a time of the store's clock."""
        return Lease(key, "", self._clock() - CLOCK_SKEW_SECONDS)

    def put(self, entry: Entry, kept_seconds: float, lease: Lease) -> bool:
        """Store the entry in the background for others to find `kept_seconds` long, and release
        the lease; False when it is dropped instead."""
        size = entry.size_bytes
        if (
            size > MAX_VALUE_BYTES
            or self._waiting_bytes + size > _WAITING_BYTES
            or (entry.tags and not self._client.knows_tags)
        ):
            self.release(lease)
            return False
        ends_at = entry.stored_at + min(kept_seconds, MAX_TTL_SECONDS)

        def write() -> None:
            try:
                if self._clock() < ends_at:
                    self._client.write(entry, ends_at - self._clock(), ends_at)
            finally:
                if lease.token:
                    self._client.release_lease(lease)

        return self._write(write, size)

    def release(self, lease: Lease) -> None:
        """Release a lease, in the background."""
        if lease.token:
            self._write(lambda: self._client.release_lease(lease), 0)

    def drop(self, lease: Lease) -> None:
        """Delete the entry under a lease's key, in the background, and release the lease."""

        def drop() -> None:
            self._client.drop(lease.key)
            if lease.token:
                self._client.release_lease(lease)

        self._write(drop, 0)

    async def purge(self, tags: PurgedTags, seconds: float | None = None) -> int | None:
        """Delete what has one of the tags and report it to every worker; returns how many entries
        there were. None where that takes longer than so many seconds, or can't be done now: it is
        done when Redis answers."""
        return await self._owed.make(tags, seconds or self._seconds)

    async def close(self) -> None:
        """Finish the writes that wait and the purges that are owed, for a second at most, and end
        every connection and thread."""
        finishing = self._loop.create_task(self._owed.finish())
        await asyncio.wait((finishing, *self._writes), timeout=_CLOSE_SECONDS)
        executors = (self._questions.threads, self._writer, self._purgers)
        for executor in executors:
            executor.shutdown(wait=False, cancel_futures=True)

        def end() -> None:
            self._client.close()  # ends what still waits for an answer
            for executor in executors:
                executor.shutdown()

        # Not asyncio's own executor: not every host ends it.
        with ThreadPoolExecutor(1, "bff-cache-close") as closer:
            await self._loop.run_in_executor(closer, end)
        await finishing

    def _release_unused(self, found: Future[Found]) -> None:
        """Release a lease that nobody waited for any more, or others would wait for it."""
        if found.cancelled() or found.exception() is not None:
            return
        if (lease := found.result().lease) is not None and lease.token:
            self._call_on_loop(self._release_late, lease)

    def _release_late(self, lease: Lease) -> None:
        # Redis has answered, so the breaker isn't asked: this would take the probe from a request.
        with suppress(RuntimeError):  # closed by now
            self._queue(lambda: self._client.release_lease(lease), 0)

    def _write(self, write: Callable[[], None], size: int) -> bool:
        if len(self._writes) >= _WAITING_WRITES or not self._health.admits():
            self._counts.refuse("write")
            return False
        self._queue(write, size)
        return True

    def _queue(self, write: Callable[[], None], size: int) -> None:
        began_at = time.perf_counter()
        future = self._loop.run_in_executor(self._writer, write)
        self._writes.add(future)
        self._waiting_bytes += size

        def done(future: asyncio.Future[None]) -> None:
            self._writes.discard(future)
            self._waiting_bytes -= size
            if future.cancelled():
                return
            error = future.exception()
            seconds = time.perf_counter() - began_at
            self._counts.answer("write", "ok" if error is None else "failed", seconds)
            if error is None:
                self._health.note_answer()
            else:
                self._health.note_trouble(error)

        future.add_done_callback(done)

    def _purge(self, tags: PurgedTags) -> int:
        began_at = time.perf_counter()
        outcome: Literal["ok", "failed"] = "failed"
        try:
            gone = self._client.purge(tags)
            outcome = "ok"
            return gone
        finally:
            self._counts.answer("purge", outcome, time.perf_counter() - began_at)

    def _read(self, key: str) -> tuple[Entry | None, bool]:
        """The entry under the key, unless an owed purge names it, and whether what is there is not
        one of ours."""
        entry, flaw = self._client.read(key)
        if flaw is not None:
            what = f"a value in {self._client.name} is {flaw}"
            self._call_on_loop(self._health.report_once, what, "it counts as a miss")
        if entry is not None and self._owed.names(entry):
            entry = None
        return entry, flaw is not None

    def _call_on_loop(self, call: Callable[[*Ts], None], *about: *Ts) -> None:
        """From a thread; nothing happens when the loop is closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *about)

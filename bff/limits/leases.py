"""Counting by leases: a worker takes tokens out of the bucket in Redis, and spends them by itself.

Rules:
1. Nothing is spent that was not taken from the bucket. So however many workers there are, what
   passes in any stretch of time is more than the bucket allows by no more than what they hold at
   its beginning: `most_held` each. As much may be refused that the bucket would allow.
2. `most_held` is a tenth of the bucket; one token where the limit is exact. Who waits for tokens at
   the same moment gets them by one script, and spends them at once: that is no lease.
3. A caller's first lease is one token, and each one after it is twice as large. Only who goes on
   asking is held tokens for.
4. Tokens that nobody asked for in a second go back, and so does the memory of a caller.
5. While a bucket is known to be empty, Redis is not asked: for a second at most where there are
   leases, since others may give back.
6. A worker remembers `MOST_LEASES` callers. The oldest is forgotten for a newcomer, and its tokens
   go back: Redis is asked anew.
7. When Redis is away, tokens that are held are spent, and then the other meter counts.
"""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from bff.limits.bucket import RedisBuckets, Taken, exceeded
from bff.limits.ports import Admitted, Exceeded, Meter, Verdict
from bff.plan.model.limits import Limit
from bff.redis.store import SharedStore, StoreDown
from bff.telemetry.metrics.families import Cell

MOST_LEASES: Final = 32_768
_IDLE_SECONDS: Final = 1.0
_LONGEST_REFUSAL_SECONDS: Final = 60.0  # of an exact limit
_RETURNS_AT_ONCE: Final = 512
_CLOSE_SECONDS: Final = 1.0


class _Lease:
    """What a worker holds for one caller, and knows of its bucket."""

    __slots__ = (
        "asked",
        "empty_until",
        "filling",
        "grows_to",
        "held",
        "is_down",
        "left",
        "next_at",
        "waiting",
    )

    def __init__(self) -> None:
        self.held = 0
        self.left = 0  # in the bucket, when Redis was asked last
        self.grows_to = 1
        self.waiting = 0
        self.asked = True  # since the last look at all leases
        self.empty_until = 0.0  # Redis is not asked before
        self.next_at = 0.0  # when there is a token again, as Redis says
        self.is_down = False  # Redis, when it was asked last
        self.filling: asyncio.Task[None] | None = None


class LeasedMeter:
    """Counts for one limit on Redis. `otherwise` counts when Redis is away. `asked` counts how
    often Redis is asked for tokens."""

    def __init__(
        self,
        limit: Limit,
        store: SharedStore,
        otherwise: Meter,
        asked: Cell,
        loop: asyncio.AbstractEventLoop,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_leases: int = MOST_LEASES,
    ) -> None:
        self._rate = limit.rate
        self._next_seconds = max(1, int(1 / limit.rate))
        self._most_held = limit.most_held
        self._prefetch_at = self._most_held // 4
        self._longest_refusal = (
            _LONGEST_REFUSAL_SECONDS if limit.counting == "exact" else _IDLE_SECONDS
        )
        self._buckets = RedisBuckets(store, limit)
        self._otherwise = otherwise
        self._asked = asked
        self._loop = loop
        self._clock = clock
        self._most_leases = most_leases
        self._lock = threading.Lock()  # hosts ask on threads of their own, too
        self._leases: OrderedDict[str, _Lease] = OrderedDict()  # as in `LocalMeter`
        self._looks: asyncio.TimerHandle | None = None
        self._returns: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._leases)

    def take(self, key: str) -> Verdict | Awaitable[Verdict]:
        """See `Meter.take`."""
        lease = self._leases.get(key)
        if lease is not None:
            lease.asked = True
            if lease.held > lease.waiting:  # what others wait for is theirs
                with self._lock:
                    if lease.held > lease.waiting:
                        return self._spend(key, lease)
            if lease.empty_until:
                now = self._clock()
                if now < lease.empty_until:
                    return exceeded(lease.next_at - now)
        return self._take_later(key)

    def used_up(self, key: str) -> Exceeded | None:
        """See `Meter.used_up`."""
        lease = self._leases.get(key)
        if lease is None or lease.held:
            return None
        if lease.is_down:
            return self._otherwise.used_up(key)
        now = self._clock()
        return exceeded(lease.next_at - now) if now < lease.empty_until else None

    def give_back(self, key: str) -> None:
        """See `Meter.give_back`."""
        with self._lock:
            lease = self._leases.get(key)
            if lease is not None and not lease.is_down:
                lease.held += 1
                return
        self._otherwise.give_back(key)

    async def close(self) -> None:
        """Give back what is held, as far as that takes a second at most."""
        if self._looks is not None:
            self._looks.cancel()
            self._looks = None
        for key, lease in list(self._leases.items()):
            if lease.filling is not None:
                lease.filling.cancel()
            self._forget(key)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.gather(*self._returns)

    def _spend(self, key: str, lease: _Lease) -> Admitted:
        lease.held -= 1
        if lease.held == self._prefetch_at and self._prefetch_at and lease.filling is None:
            self._loop.call_soon_threadsafe(self._prefetch, key, lease)
        return Admitted(lease.held + lease.left, self._next_seconds)

    async def _take_later(self, key: str) -> Verdict:
        lease = self._leases.get(key) or self._remember(key)
        while True:
            lease.asked = True
            lease.waiting += 1
            try:
                await asyncio.shield(self._filling(key, lease))
            finally:
                lease.waiting -= 1
            with self._lock:
                if lease.held:
                    return self._spend(key, lease)
            if lease.is_down:
                verdict = self._otherwise.take(key)
                return verdict if isinstance(verdict, tuple) else await verdict
            now = self._clock()
            if now < lease.empty_until:
                return exceeded(lease.next_at - now)

    def _prefetch(self, key: str, lease: _Lease) -> None:
        if lease.filling is None and self._leases.get(key) is lease:
            self._filling(key, lease)

    def _filling(self, key: str, lease: _Lease) -> asyncio.Task[None]:
        if lease.filling is None:
            lease.filling = self._loop.create_task(self._fill(key, lease))
        return lease.filling

    async def _fill(self, key: str, lease: _Lease) -> None:
        wanted = max(min(lease.grows_to, self._most_held) - lease.held, lease.waiting, 1)
        asked_at = self._clock()
        self._asked[0] += 1
        try:
            taken = await self._buckets.take(key, wanted)
        except StoreDown:
            lease.is_down = True
        else:
            self._note(lease, taken, asked_at)
        finally:
            lease.filling = None

    def _note(self, lease: _Lease, taken: Taken, asked_at: float) -> None:
        with self._lock:
            lease.is_down = False
            lease.held += taken.tokens
            lease.left = taken.left
            lease.grows_to = min(2 * lease.grows_to, self._most_held)
            lease.empty_until = 0.0
            if not taken.tokens:
                wait = max(0.001, taken.wait_seconds)
                lease.next_at = asked_at + wait
                lease.empty_until = asked_at + min(wait, self._longest_refusal)

    def _remember(self, key: str) -> _Lease:
        if len(self._leases) >= self._most_leases:
            self._forget(next(iter(self._leases)))
        lease = self._leases[key] = _Lease()
        if self._looks is None:
            self._looks = self._loop.call_later(_IDLE_SECONDS, self._look)
        return lease

    def _look(self) -> None:
        """Forget who did not ask since the last look."""
        now = self._clock()
        for key, lease in list(self._leases.items()):
            if lease.asked or lease.filling is not None or lease.empty_until > now:
                lease.asked = False
            elif not lease.held or len(self._returns) < _RETURNS_AT_ONCE:
                self._forget(key)
        self._looks = None
        if self._leases:
            self._looks = self._loop.call_later(_IDLE_SECONDS, self._look)

    def _forget(self, key: str) -> None:
        """Give back what is held for a caller, and hold no more."""
        with self._lock:
            lease = self._leases.pop(key)
            held, lease.held = lease.held, 0
        if held:
            task = self._loop.create_task(self._return(key, held))
            self._returns.add(task)
            task.add_done_callback(self._returns.discard)

    async def _return(self, key: str, tokens: int) -> None:
        with suppress(StoreDown):  # then they are lost, and the bucket refills all the same
            await self._buckets.take(key, -tokens)

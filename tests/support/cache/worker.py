"""One worker's payload cache over a real Redis, with clocks that the test moves."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from bff.cache.cache import Cache
from bff.cache.entries import Entry
from bff.cache.redis.tag_index import TagIndex
from bff.cache.results import Job, Run
from bff.cache.shared.envelope import encode
from bff.cache.shared.store import EntryStore
from bff.cache.shared.store_clients import RedisStoreClient, StoreClient
from bff.deadline import WAIT_BUDGET_SECONDS, Deadline, WaitBudget
from bff.engine.values.results import CompositionPayload
from bff.plan.model.caching import CachePolicy
from bff.redis.clients import KEY_PREFIX
from bff.redis.health import LONGEST_PAUSE_SECONDS, store_breaker
from bff.telemetry.metrics.families import Metrics
from tests.support.cache.payload_runs import FAILURE, Runs, payload
from tests.support.fake_time import Clock
from tests.support.steady_clock import steady_seconds

TTL = 30.0
NAMESPACE = "tests"
CALM_SECONDS = 2.0
SLACK_SECONDS = 0.2  # of a busy machine, beside the 0.1 s that trouble with Redis may cost


class RunningClock:
    """Goes as time does, `ahead` of it by so many seconds."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class DeafClient(RedisStoreClient):
    """A Redis whose news of purges don't come through."""

    hears_purges = False

    def listen(self, purged: Any, missed: Any) -> None:
        """In vain."""


class Worker:
    """A worker's cache, with clocks that the test moves: of the day, and of the breaker.

    Where purges come in, the clock of the day has to be a `RunningClock`, as Redis's is. `client`
    opens another store than a Redis that hears. `seconds` is how long the store is waited for:
    a test without trouble takes `CALM_SECONDS`, or a busy machine is taken for it.
    """

    def __init__(
        self,
        url: str,
        now: float | None = None,
        *,
        clock: Any = None,
        client: Callable[..., StoreClient] = RedisStoreClient,
        seconds: float = WAIT_BUDGET_SECONDS,
    ) -> None:
        self.patient_seconds = seconds
        self.pauses = Clock(0.0)
        self.metrics = Metrics()
        self.clock = clock or Clock(time.time() if now is None else now)
        breaker = store_breaker(self.pauses)

        def open_store(**told: Any) -> EntryStore:
            opened = client(url, NAMESPACE, seconds=seconds)
            self.store = EntryStore(
                opened, breaker=breaker, clock=self.clock, seconds=seconds, **told
            )
            return self.store

        self.cache = Cache(open_store, clock=self.clock, dice=lambda: 0.0, metrics=self.metrics)

    async def __aenter__(self) -> "Worker":
        return self

    async def hears_purges(self) -> None:
        """Until the worker listens to the news of purges."""
        await eventually(lambda: self.store.hears_purges)

    async def __aexit__(self, *_: object) -> None:
        await self.cache.close()

    async def writes_are_done(self) -> None:
        """Until nothing waits to be written."""
        while self.store._writes:
            await asyncio.wait(set(self.store._writes))

    async def expect(
        self, status: str, key: str, body: bytes = b'{"id":1}', tags: Iterable[str] = ()
    ) -> None:
        """The payload is right, comes as `status` says, and costs Redis's trouble 0.1 s at most; a
        calm worker, which is to meet none, has its own time."""
        runs = Runs(tagged(tags, body))
        began = steady_seconds()
        result = await self.cache.get(job(key, runs))
        took = steady_seconds() - began

        assert result.entry is not None
        assert result.entry.body == body
        assert (result.how, runs.count) == (status, int(status == "miss"))
        assert took < max(0.1, self.patient_seconds) + SLACK_SECONDS

    async def expect_something(self, key: str, body: bytes = b'{"id":1}') -> None:
        """The payload is right, wherever it comes from, and comes in time."""
        began = steady_seconds()
        result = await self.cache.get(job(key, Runs(payload(body))))
        assert steady_seconds() - began < 0.1 + SLACK_SECONDS
        assert result.entry is not None
        assert result.entry.body == body

    async def expect_recovery(self, server: Any) -> None:
        """Once the longest pause is over, what others store is seen again; on a busy machine a
        probe may come too late, and then it is the next one's or the one's after that."""
        for probe in range(1, 4):
            self.pauses.now += LONGEST_PAUSE_SECONDS
            key = f"recovered{probe}"
            plant(server, key, entry_bytes(key, self.clock(), body=b"[2]"))
            result = await self.cache.get(job(key, Runs(payload(b"[1]"))))
            if result.how == "hit":
                break
        assert result.entry is not None
        assert (result.how, result.entry.body) == ("hit", b"[2]")


def calm_worker(url: str, **kind: Any) -> Worker:
    """One with time for Redis, by whose clock it goes."""
    return Worker(url, clock=RunningClock(), seconds=CALM_SECONDS, **kind)


async def eventually(is_so: Callable[[], bool], within_seconds: float = 5.0) -> float:
    """Waits until it is so, and gives the seconds that it took; fails where it doesn't become."""
    began = steady_seconds()
    while not is_so():
        assert steady_seconds() - began < within_seconds, "not in time"
        await asyncio.sleep(0.001)
    took = steady_seconds() - began
    await asyncio.sleep(0)  # what made it so comes to its end
    return took


def follows(server: Any) -> Callable[[], bool]:
    """Tells whether a worker has asked, since this was called, if another one leads."""
    before = server.commands()["exists"]
    return lambda: server.commands()["exists"] > before


async def recovers(worker: Worker, server: Any) -> None:
    """Waits, as `eventually`, until what others store is seen again."""
    gives_up_at = time.monotonic() + 5
    how = ""
    while how != "hit":
        assert time.monotonic() < gives_up_at, "not in time"
        worker.pauses.now += LONGEST_PAUSE_SECONDS
        plant(server, "recovered", entry_bytes("recovered", body=b"[2]"))
        how = (await worker.cache.get(job("recovered", Runs(FAILURE)))).how


def tag_index(client: Any) -> TagIndex:
    """The tags of the workers' namespace."""
    return TagIndex(client, NAMESPACE)


def plant(server: Any, key: str, value: bytes) -> None:
    """Put a value where workers look; `server` is one, or any of the topologies."""
    with server.client() as client:
        client.set(f"{KEY_PREFIX}{key}", value)


def small(key: str) -> Entry:
    return Entry(key, b"{}", {}, time.time(), TTL, time.time())


def entry_bytes(
    key: str = "k",
    stored_at: float | None = None,
    ttl: float = TTL,
    body: bytes = b'"planted"',
    tags: Iterable[str] = (),
) -> bytes:
    """What a worker could have stored; its body tells it from one that was run for."""
    stored_at = time.time() if stored_at is None else stored_at
    return encode(Entry(key, body, {}, stored_at, ttl, stored_at, frozenset(tags)))


def tagged(tags: Iterable[str], body: bytes = b'{"id":1}') -> CompositionPayload:
    """A complete payload with tags."""
    return payload(body)._replace(tags=frozenset(tags))


def policy(ttl: float = TTL, stale: float = 0.0, stale_if_error: float = 0.0) -> CachePolicy:
    """A policy; without windows where nothing is said."""
    return CachePolicy(ttl, stale, stale_if_error)


def job(key: str, run: Run, windows: CachePolicy | None = None, deadline: float = 5.0) -> Job:
    """What a request for `key` asks of a cache."""
    by = Deadline.after(deadline, asyncio.get_running_loop().time)
    return Job("home", key, windows or policy(), run, by, WaitBudget(CALM_SECONDS))

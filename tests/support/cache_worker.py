"""One worker's payload cache over a real Redis, with clocks that the test moves."""

import time

from bff.cache.breaker import LONGEST_PAUSE_SECONDS, Breaker
from bff.cache.entries import Entry
from bff.cache.envelope import encode
from bff.cache.payload_cache import PayloadCache
from bff.cache.store import SharedStore
from tests.support.payload_runs import Runs, payload
from tests.support.redis_server import RedisServer

TTL = 30.0
SLACK_SECONDS = 0.2  # of a busy machine, beside the 0.1 s that trouble with Redis may cost


class Clock:
    """Stands still between a test's moves."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Worker:
    """A worker's cache, with clocks that the test moves: of the day, and of the breaker."""

    def __init__(self, url: str, now: float | None = None) -> None:
        self.pauses = Clock(0.0)
        self.clock = Clock(time.time() if now is None else now)
        self.store = SharedStore(url, breaker=Breaker(clock=self.pauses), clock=self.clock)
        self.cache = PayloadCache(self.store, clock=self.clock)

    async def __aenter__(self) -> "Worker":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cache.close()

    async def expect(self, status: str, key: str, body: bytes = b'{"id":1}') -> None:
        """The payload is right, comes as `status` says, and costs Redis's trouble 0.1 s at most."""
        runs = Runs(payload(body))
        began = time.monotonic()
        result = await self.cache.produce(key, TTL, runs)
        took = time.monotonic() - began

        assert result.entry is not None
        assert result.entry.body == body
        assert (result.status, runs.count) == (status, int(status == "miss"))
        assert took < 0.1 + SLACK_SECONDS

    async def expect_recovery(self, server: RedisServer) -> None:
        """Once the longest pause is over, what others store is seen again."""
        self.pauses.now += LONGEST_PAUSE_SECONDS
        plant(server, "recovered", encode(Entry("recovered", b"[2]", {}, self.clock.now, TTL)))
        await self.expect("hit", "recovered", b"[2]")


def plant(server: RedisServer, key: str, value: bytes) -> None:
    with server.client() as client:
        client.set(f"bff:1:{key}", value)


def small(key: str) -> Entry:
    return Entry(key, b"{}", {}, time.time(), TTL)


def entry_bytes(key: str = "k", stored_at: float | None = None, ttl: float = TTL) -> bytes:
    """What a worker could have stored; its body tells it from one that was run for."""
    stored_at = time.time() if stored_at is None else stored_at
    return encode(Entry(key, b'"planted"', {}, stored_at, ttl))

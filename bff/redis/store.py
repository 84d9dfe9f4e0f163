"""Keys, scripts and messages in Redis, for whoever runs on the event loop: limits, keys, sessions.

    store = SharedStore(url, use="limits")
    await store.run(SCRIPT, keys=(key,), args=(1,))      # raises StoreDown
    store.subscribe(channel, heard, missed)

Rules:
1. Each command has `WAIT_BUDGET_SECONDS`, counted from when it has a connection, connecting
   included. No command is repeated.
2. A command that is cancelled or late closes its connection, so that no answer reaches another.
3. After some failures in a row Redis is left alone for a growing pause (`bff.redis.health`).
4. At most `CONNECTIONS` commands are under way, and `WAITING` wait for their turn; more fail at
   once.
5. All trouble is a `StoreDown`: the caller decides what that means.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import NoScriptError, RedisClusterException, RedisError, ResponseError

from bff.breaker import Breaker
from bff.deadline import WAIT_BUDGET_SECONDS
from bff.redis.clients import AsyncClient, close_async_client, open_async_client
from bff.redis.health import StoreHealth, store_breaker
from bff.redis.subscriptions import Subscription

CONNECTIONS = 32
WAITING = 4096
# A value that somebody planted is read so far and no further.
MAX_VALUE_BYTES = 1024 * 1024

_OPEN_SECONDS = 1.0  # a cluster, whatever the commands wait


class StoreDown(Exception):
    """Redis did not answer in time, refused, or is left alone for now."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script. Redis is sent its digest alone, once it has seen it. In a cluster all of a
    call's keys must be in one slot: `{…}` in them says which."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


class SharedStore:
    """One Redis, for one event loop; made on it, after any fork. It connects on first use. `use`
    says for people what it is for. Every method that waits raises `StoreDown`."""

    def __init__(
        self,
        redis_url: str,
        *,
        use: str,
        seconds: float = WAIT_BUDGET_SECONDS,
        breaker: Breaker | None = None,
    ) -> None:
        self._url = redis_url
        self._seconds = seconds
        self._health = StoreHealth(f"Redis for {use}", breaker or store_breaker())
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._waiting = 0
        self._client: AsyncClient | None = None
        self._opening: asyncio.Task[AsyncClient] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._subscriptions: set[Subscription] = set()

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any] = ()) -> Any:
        """What the script returns: integers, bytes, lists of them, or None."""

        async def call(client: Any) -> Any:
            try:
                return await client.evalsha(script.digest, len(keys), *keys, *args)
            except NoScriptError:  # it restarted, or forgot on demand: EVAL brings it anew
                return await client.eval(script.text, len(keys), *keys, *args)

        return await self._ask(call)

    async def get(self, key: str) -> bytes | None:
        """The value, None for none. One longer than `MAX_VALUE_BYTES` is cut."""
        value: bytes = await self._ask(lambda client: client.getrange(key, 0, MAX_VALUE_BYTES - 1))
        return value or None  # GETRANGE gives an empty text where there is no key

    async def set(self, key: str, value: bytes, *, seconds: float | None = None) -> None:
        """Store a value that isn't empty, for so many seconds; without them, for good."""
        life = None if seconds is None else max(1, round(seconds * 1000))
        await self._ask(lambda client: client.set(key, value, px=life))

    async def delete(self, key: str) -> bool:
        """Delete the value; returns whether there was one."""
        return bool(await self._ask(lambda client: client.delete(key)))

    async def publish(self, channel: str, message: bytes) -> None:
        """Send a message to all who listen now."""
        await self._ask(lambda client: client.publish(channel, message))

    def subscribe(
        self, channel: str, heard: Callable[[bytes], None], missed: Callable[[], None]
    ) -> Subscription:
        """Listen until the subscription, or the store, is closed. `heard` is called with each
        message; `missed` when it begins to listen, at first and again, since what was sent before
        may have gone unheard."""
        subscription = Subscription(self._url, channel, heard, missed)
        self._subscriptions.add(subscription)
        return subscription

    async def close(self) -> None:
        """Let go of all connections; commands that are under way fail."""
        if self._opening is not None:
            self._opening.cancel()
        self._drop()
        await asyncio.gather(
            *(each.close() for each in self._subscriptions), *self._closing, return_exceptions=True
        )
        self._subscriptions.clear()

    async def _ask(self, call: Callable[[Any], Any]) -> Any:
        if self._waiting >= WAITING:
            raise StoreDown("too many wait for Redis")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            if not self._health.admits():
                raise StoreDown("Redis failed, and is left alone for now")
            return await self._ask_now(call)
        finally:
            self._turns.release()

    async def _ask_now(self, call: Callable[[Any], Any]) -> Any:
        try:
            async with asyncio.timeout(self._seconds):
                answer = await call(self._client or await self._open())
        except (RedisError, RedisClusterException, OSError) as error:  # TimeoutError is an OSError
            self._health.note_trouble(error)
            if isinstance(self._client, RedisCluster) and not isinstance(error, ResponseError):
                self._drop()  # its nodes may have changed, which takes longer to ask than a command
            raise StoreDown(f"{type(error).__name__}: {error}") from error
        self._health.note_answer()
        return answer

    async def _open(self) -> AsyncClient:
        """The client, once it is open; whoever gives up waiting leaves the opening to others."""
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open_now())
            self._opening.add_done_callback(_note_end)
        return await asyncio.shield(self._opening)

    async def _open_now(self) -> AsyncClient:
        client = open_async_client(self._url, seconds=self._seconds, connections=CONNECTIONS)
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await client.initialize()  # a cluster names its nodes; one server is asked nothing
        except BaseException:
            await close_async_client(client)
            raise
        finally:
            self._opening = None
        self._client = client
        return client

    def _drop(self) -> None:
        """Close the client; the next command opens another."""
        client, self._client = self._client, None
        if client is not None:
            closing = asyncio.get_running_loop().create_task(close_async_client(client))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


def _note_end(opening: asyncio.Task[AsyncClient]) -> None:
    """Take note of an exception that nobody waited for."""
    if not opening.cancelled():
        opening.exception()

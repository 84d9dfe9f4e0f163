"""Entries in Redis, shared by the workers: through Flask-Caching's backend, as our own bytes.

Rules:
1. A cache that fails is a cache that is empty: nothing here raises for trouble with Redis.
2. The event loop never waits on a socket: the backend is synchronous, so reads and writes have
   threads of their own; a read gives up after `READ_SECONDS`, all waiting included.
3. After five failures Redis is left alone for a growing pause (`bff.cache.breaker`).
4. Writes wait in a bounded queue and are dropped when it is full: nobody waits for them.
5. Nothing is ever cleared: Flask-Caching's `clear()` may flush the whole database.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cachelib.serializers import RedisSerializer
from flask_caching.backends.rediscache import RedisCache
from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import ResponseError
from redis.retry import Retry

from bff.cache.breaker import Breaker
from bff.cache.entries import Entry
from bff.cache.envelope import MAX_VALUE_BYTES, decode, encode, flaw
from bff.errors import SettingsError

READ_SECONDS = 0.1
KEY_PREFIX = "bff:1:"  # the version is the envelope's and the key's

_READERS = 4
_WAITING_WRITES = 256
_WAITING_BYTES = 32 * 1024 * 1024
_CLOSE_SECONDS = 1.0

_log = logging.getLogger(__name__)


def open_store(redis_url: str | None) -> "SharedStore | None":
    """The store at a redis://, rediss:// or unix:// URL; None without one. Connects on first use,
    so it may be made while Redis is down."""
    return None if redis_url is None else SharedStore(redis_url)


def refuse_bad_url(redis_url: str) -> None:
    """Raises `SettingsError`, which repeats nothing of the URL but an option's name, for one whose
    options can't be read."""
    try:
        parse_url(redis_url)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise SettingsError(f"the Redis URL: {str(error)[:1].lower()}{str(error)[1:]}") from None


class SharedStore:
    """One per event loop, made on it, after any fork; its methods are for that loop alone."""

    def __init__(
        self,
        redis_url: str,
        *,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pool = BlockingConnectionPool.from_url(
            redis_url,
            max_connections=_READERS + 1,
            timeout=READ_SECONDS,
            socket_timeout=READ_SECONDS,
            socket_connect_timeout=READ_SECONDS,
            retry=Retry(NoBackoff(), 0),
            # With these two a new connection asks nothing before the first command.
            protocol=2,
            driver_info=None,
        )
        self._backend = _BytesInRedis(Redis(connection_pool=self._pool), key_prefix=KEY_PREFIX)
        self._breaker = breaker or Breaker()
        self._clock = clock
        self._readers = ThreadPoolExecutor(_READERS, "bff-cache-read")
        self._writer = ThreadPoolExecutor(1, "bff-cache-write")
        self._writes: set[asyncio.Future[bool]] = set()
        self._waiting_bytes = 0
        self._told: set[str] = set()

    async def get(self, key: str) -> Entry | None:
        """The entry under this key, fresh or not; None when there is none to be had in time."""
        if not self._breaker.admits():
            return None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(READ_SECONDS):
                entry = await loop.run_in_executor(self._readers, self._read, key)
        except Exception as error:  # whatever it is, the payload can be had without the cache
            self._note_trouble(error)
            return None
        self._note_answer()
        return entry

    def put(self, entry: Entry) -> bool:
        """Store the entry in the background; False when it is dropped instead."""
        size = entry.size_bytes
        if (
            size > MAX_VALUE_BYTES
            or len(self._writes) >= _WAITING_WRITES
            or self._waiting_bytes + size > _WAITING_BYTES
            or not self._breaker.admits()
        ):
            return False
        write = asyncio.get_running_loop().run_in_executor(self._writer, self._write, entry)
        self._writes.add(write)
        self._waiting_bytes += size

        def done(write: asyncio.Future[bool]) -> None:
            self._writes.discard(write)
            self._waiting_bytes -= size
            self._note_write(write)

        write.add_done_callback(done)
        return True

    async def close(self) -> None:
        """Finish the writes that wait, for a second at most, and close every connection."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=_CLOSE_SECONDS)
        for executor in (self._readers, self._writer):
            executor.shutdown(wait=False, cancel_futures=True)
        self._pool.disconnect()  # ends what still waits for an answer
        for executor in (self._readers, self._writer):
            await asyncio.to_thread(executor.shutdown)
        self._pool.disconnect()

    # -------------------------------------------------------------- on the store's own threads

    def _read(self, key: str) -> Entry | None:
        data = self._backend.get(key)
        if data is None:
            return None
        entry = decode(data, key)
        if entry is None:
            why = flaw(data, key)
            self._tell_once(f"a value in Redis is {why}", "it counts as a miss")
            # It may be the answer to another question, out of step on this connection.
            self._pool.disconnect(inuse_connections=False)
        return entry

    def _write(self, entry: Entry) -> bool:
        """Whether Redis was asked."""
        seconds_left = math.ceil(entry.seconds_left(self._clock()))
        if seconds_left <= 0:
            return False
        self._backend.set(entry.key, encode(entry), timeout=seconds_left)
        return True

    # -------------------------------------------------------------- what is known of Redis

    def _note_write(self, write: asyncio.Future[bool]) -> None:
        if write.cancelled():
            return
        error = write.exception()
        if error is not None:
            self._note_trouble(error)
        elif write.result():
            self._note_answer()

    def _note_answer(self) -> None:
        if self._breaker.is_open:
            _log.warning("Redis answers again")
        self._breaker.succeeded()

    def _note_trouble(self, error: BaseException) -> None:
        if isinstance(error, ResponseError):  # it answers: full, read-only, a key of another type
            self._note_answer()
            self._tell_once("Redis refuses", str(error))
            return
        was_open = self._breaker.is_open
        self._breaker.failed()
        if self._breaker.is_open and not was_open:
            # Threads that read from a server that drips would wait on: no single wait is too long.
            self._pool.disconnect()
            _log.warning(
                "Redis fails (%s: %s); going on without it, trying again now and then",
                type(error).__name__,
                error,
            )

    def _tell_once(self, what: str, more: str) -> None:
        if what not in self._told:
            self._told.add(what)
            _log.warning("%s: %s (told once)", what, more)


class _AsTheyAre(RedisSerializer):
    """Bytes in, bytes out, in place of the backend's own way, which is to pickle."""

    def dumps(self, value: bytes, protocol: int = 0) -> bytes:
        return value

    def loads(self, value: bytes | None) -> bytes | None:
        return value or None


class _BytesInRedis(RedisCache):
    """Flask-Caching's Redis backend for bytes of a bounded size."""

    serializer = _AsTheyAre()

    def get(self, key: str) -> bytes | None:
        # GETRANGE and not GET: a planted value of any size costs us one byte more than the bound.
        # It gives nothing, not null, for a key that isn't there.
        return self.serializer.loads(
            self._read_client.getrange(f"{self.key_prefix}{key}", 0, MAX_VALUE_BYTES)
        )

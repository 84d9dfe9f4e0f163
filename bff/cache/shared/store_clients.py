"""What the shared store does on its threads: read, write, lock, purge. Synchronous.

`StoreClient` does what every Flask-Caching backend can; `RedisStoreClient` adds what takes Redis:
leases among workers, tags, and the news of purges.
"""

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from redis.exceptions import ResponseError

from bff.cache.entries import Entry
from bff.cache.redis.leases import Lease, Leases
from bff.cache.redis.purge_channel import PurgeChannel, Purged, channel_name, message
from bff.cache.redis.tag_index import TagIndex
from bff.cache.shared.backends import Backend, RedisBytes
from bff.cache.shared.envelope import decode, encode, flaw
from bff.plan.model.caching import EVERYTHING, Everything, PurgedTags
from bff.redis.clients import Client, disconnect, open_client

# For each answer about a purge: nobody waits for it as a request waits for an entry.
_PURGE_SECONDS = 5.0


class StoreClient:
    """A backend that holds entries and knows nothing else. Safe between threads; raises whatever
    the backend does."""

    name = "The cache"
    knows_tags = False  # an entry with tags could not be purged

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def hears_purges(self) -> bool:
        """Whether purges made by others are heard now."""
        return False

    def listen(self, purged: Purged, missed: Callable[[], None]) -> None:
        """Start to report purges: nobody else makes any."""

    def read(self, key: str) -> tuple[Entry | None, str | None]:
        """The entry under the key; or what is wrong with the value there, for people."""
        data = self._backend.get(key)
        if data is None:
            return None, None
        if not isinstance(data, bytes):
            return None, "not bff's"
        entry = decode(data, key)
        return entry, None if entry is not None else flaw(data, key)

    def write(self, entry: Entry, seconds: float, ends_at: float) -> None:
        """Store the entry for so many seconds, which end at `ends_at`."""
        self._backend.set(entry.key, encode(entry), timeout=math.ceil(seconds))

    def drop(self, key: str) -> None:
        """Delete the entry under the key, if there is one."""
        self._backend.delete(key)

    def take_lease(self, key: str, life_seconds: float) -> Lease | None:
        """The lease, None when another worker has it."""
        return Lease(key, "", time.time())

    def is_leased(self, key: str) -> bool:
        """Whether some worker has the lease."""
        return False

    def release_lease(self, lease: Lease) -> None:
        """Give a lease back."""

    def purge(self, tags: PurgedTags) -> int:
        """Delete what has one of the tags, and report it to all workers; returns how many entries
        there were, 0 for a purge of everything, which counts none."""
        return 0

    def disconnect(self) -> None:
        """Break off what is under way."""

    def close(self) -> None:
        """Release everything."""


class RedisStoreClient(StoreClient):
    """Redis at a URL, connected to on first use; tags and the news of purges are the namespace's.
    `seconds` bounds each wait for Redis, but for those of a purge."""

    name = "Redis"
    knows_tags = True

    _backend: RedisBytes

    def __init__(self, redis_url: str, namespace: str, *, seconds: float) -> None:
        self._url = redis_url
        self._namespace = namespace
        self._seconds = seconds
        self._opening = threading.Lock()
        self._client: Client | None = None
        self._patient: Client | None = None  # for purges
        self._channel: PurgeChannel | None = None
        self._leases: Leases
        self._tags: TagIndex

    @property
    def hears_purges(self) -> bool:
        return self._channel is not None and self._channel.hears

    def listen(self, purged: Purged, missed: Callable[[], None]) -> None:
        self._channel = PurgeChannel(self._open, self._namespace, purged, missed)
        self._channel.start()

    def read(self, key: str) -> tuple[Entry | None, str | None]:
        client = self._open()
        entry, wrong = super().read(key)
        if wrong is not None:
            # It may be the answer to another question, out of step on this connection.
            disconnect(client, in_use=False)
        if entry is not None and entry.tags and not self.hears_purges:
            # Nothing deletes what a purge of everything made void, and its news went unheard.
            self._tags.notice_restart()
            is_void = entry.observed_at <= self._tags.everything_purged_at()
            return (None if is_void else entry), None
        return entry, wrong

    def write(self, entry: Entry, seconds: float, ends_at: float) -> None:
        self._open()
        if not entry.tags:
            super().write(entry, seconds, ends_at)
            return
        self._tags.add(entry.tags, entry.key, ends_at)
        try:
            super().write(entry, seconds, ends_at)
            is_void = self._tags.were_purged(entry.tags, entry.observed_at)
        except Exception:
            with suppress(Exception):  # it may be there, and nobody knows whether it is void
                self._backend.delete(entry.key)
            raise
        if is_void:
            self._backend.delete(entry.key)

    def drop(self, key: str) -> None:
        self._open()
        super().drop(key)

    def take_lease(self, key: str, life_seconds: float) -> Lease | None:
        self._open()
        return self._leases.take(key, life_seconds)

    def is_leased(self, key: str) -> bool:
        self._open()
        return self._leases.is_taken(key)

    def release_lease(self, lease: Lease) -> None:
        self._open()
        self._leases.release(lease)

    def purge(self, tags: PurgedTags) -> int:
        client = self._open_patient()
        index, channel = TagIndex(client, self._namespace), channel_name(self._namespace)
        if isinstance(tags, Everything):
            client.publish(channel, message(EVERYTHING, index.purge_everything()))
            return 0

        def report(at: float) -> None:
            # Memories need not wait for what may take seconds to delete.
            with suppress(ResponseError):  # whoever may not publish may still delete
                client.publish(channel, message(tags, at))

        at, gone = index.purge(tags, report)
        # Again, for a worker that began to listen meanwhile and read what was still there.
        client.publish(channel, message(tags, at))
        return gone

    def disconnect(self) -> None:
        for client in (self._client, self._patient):
            if client is not None:
                disconnect(client, in_use=True)

    def close(self) -> None:
        if self._channel is not None:
            self._channel.stop()
        self.disconnect()
        if self._channel is not None:
            self._channel.join()
        self.disconnect()

    def _open_patient(self) -> Client:
        with self._opening:
            if self._patient is None:
                seconds = max(self._seconds, _PURGE_SECONDS)
                self._patient = open_client(self._url, seconds=seconds)
            return self._patient

    def _open(self) -> Client:
        client = self._client
        if client is not None:
            return client
        with self._opening:
            if self._client is None:
                client = open_client(self._url, seconds=self._seconds)
                self._backend = RedisBytes(client)
                self._leases = Leases(client)
                self._tags = TagIndex(client, self._namespace)
                self._client = client
            return self._client

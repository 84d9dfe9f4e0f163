"""The news of purges, from Redis to every worker: one subscribed connection, on a thread.

Rules:
1. A message holds the time of a purge and its tags, or null for everything that has tags.
2. Purges are not heard while the connection is lost. `hears` reports whether it stands: without it,
   nothing that has tags may stay in memory.
3. A connection may be dead without a sign, so Redis is asked for a sign of life every second.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Annotated

from pydantic import Field, TypeAdapter
from pydantic_core import to_json

from bff.cache.redis.tag_index import TagIndex
from bff.plan.model.caching import EVERYTHING, Everything, PurgedTags, bounded_tags
from bff.redis.clients import KEY_PREFIX, Client

_ANSWER_SECONDS = 0.5  # for the answer to a sign of life
_BEAT_SECONDS = 1.0
_PAUSES_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)

_log = logging.getLogger(__name__)
_message = TypeAdapter(tuple[Annotated[float, Field(allow_inf_nan=False)], list[str] | None])

Purged = Callable[[PurgedTags, float], None]


def message(tags: PurgedTags, at: float) -> bytes:
    """The message about a purge of the tags at a time, in seconds since the epoch."""
    return to_json((at, None if isinstance(tags, Everything) else list(tags)))


def channel_name(namespace: str) -> str:
    """The channel of one namespace's purges."""
    return f"{KEY_PREFIX}{namespace}:purges"


class PurgeChannel:
    """Listens from `start` to `stop` to the purges of a namespace.

    `connect` returns the client, and may raise. `purged` is called for each message, `lost`
    whenever one may have been missed, both on the channel's own thread.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        namespace: str,
        purged: Purged,
        lost: Callable[[], None],
    ) -> None:
        self.hears = False
        self._connect = connect
        self._namespace = namespace
        self._purged = purged
        self._lost = lost
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bff-purges", daemon=True)

    def start(self) -> None:
        """Start; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Make the thread end within a second."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self._listen()
            except Exception as error:  # whatever it is, this thread goes on
                _log.debug("the channel of purges: %s: %s", type(error).__name__, error)
            heard, self.hears = self.hears, False
            if heard:
                failures = 0
                self._lost()
            self._stopping.wait(_PAUSES_SECONDS[min(failures, len(_PAUSES_SECONDS) - 1)])
            failures += 1

    def _listen(self) -> None:
        """Listen until the connection fails, which raises, or `stop`."""
        client = self._connect()
        pubsub = client.pubsub()  # type: ignore[no-untyped-call]
        try:
            pubsub.subscribe(channel_name(self._namespace))
            asked_at, answered_at = 0.0, time.monotonic()
            while not self._stopping.is_set():
                if time.monotonic() - asked_at >= _BEAT_SECONDS:
                    if answered_at < asked_at - _ANSWER_SECONDS:
                        raise TimeoutError("no sign of life")
                    pubsub.ping()
                    asked_at = time.monotonic()
                received = pubsub.get_message(timeout=_BEAT_SECONDS / 4)
                if received is None:
                    continue
                answered_at = time.monotonic()
                if received["type"] == "subscribe":  # at first, and when redis-py reconnected
                    self._lost()
                    # Nothing deletes what a purge of everything made void, so it is asked for.
                    index = TagIndex(client, self._namespace)
                    index.notice_restart()
                    at = index.everything_purged_at()
                    if math.isfinite(at):
                        self._purged(EVERYTHING, at)
                    self.hears = True
                elif received["type"] == "message":
                    self._take(received["data"])
        finally:
            pubsub.close()

    def _take(self, data: bytes) -> None:
        try:
            at, tags = _message.validate_json(data)
        except ValueError:
            _log.warning("a message on the channel of purges is not bff's; it is ignored")
            return
        self._purged(EVERYTHING if tags is None else bounded_tags(tags), at)

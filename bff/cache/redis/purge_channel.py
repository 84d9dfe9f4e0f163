"""The news of purges, from Redis to every worker: one subscribed connection, on a thread.

A message names the tags and the time of the purge. While the connection is lost purges go unheard,
so `hears` says whether it stands: what has tags may not be kept in memory without it. Redis is
asked for a sign of life every second, since a connection may be dead without anybody telling.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from pydantic import TypeAdapter
from pydantic_core import to_json

from bff.cache.redis.clients import Client
from bff.cache.redis.tag_index import CHANNEL

_PATIENCE_SECONDS = 0.5  # for the answer to a sign of life
_BEAT_SECONDS = 1.0
_PAUSES_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)

_log = logging.getLogger(__name__)
_message = TypeAdapter(tuple[float, list[str]])

Purged = Callable[[Sequence[str], float], None]


def message(tags: Sequence[str], at: float) -> bytes:
    """What is published of a purge."""
    return to_json((at, list(tags)))


class PurgeChannel:
    """Listens from `start` to `stop`. `connect` gives the client, and may raise; `purged` is called
    for each message, `lost` whenever one may have been missed, both on the channel's own thread."""

    def __init__(
        self, connect: Callable[[], Client], purged: Purged, lost: Callable[[], None]
    ) -> None:
        self.hears = False
        self._connect = connect
        self._purged = purged
        self._lost = lost
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bff-purges", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it does within a second."""
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
        """Until the connection fails, which raises, or `stop`."""
        pubsub = self._connect().pubsub()  # type: ignore[no-untyped-call]
        try:
            pubsub.subscribe(CHANNEL)
            asked_at, answered_at = 0.0, time.monotonic()
            while not self._stopping.is_set():
                if time.monotonic() - asked_at >= _BEAT_SECONDS:
                    if answered_at < asked_at - _PATIENCE_SECONDS:
                        raise TimeoutError("no sign of life")
                    pubsub.ping()
                    asked_at = time.monotonic()
                told = pubsub.get_message(timeout=_BEAT_SECONDS / 4)
                if told is None:
                    continue
                answered_at = time.monotonic()
                if told["type"] == "subscribe":  # at the start, and when redis-py had to reconnect
                    self._lost()
                    self.hears = True
                elif told["type"] == "message":
                    self._take(told["data"])
        finally:
            pubsub.close()

    def _take(self, data: bytes) -> None:
        try:
            at, tags = _message.validate_json(data)
        except ValueError:
            _log.warning("a message on the channel of purges is not bff's; it is passed over")
            return
        self._purged(tags, at)

"""One channel's messages, from Redis to a callback on the event loop.

Rules:
1. A connection that is lost is opened anew after a short pause, for as long as it takes.
2. A connection may be dead without a sign, so Redis is asked for a sign of life every second.
3. `hears` says whether it stands. Whoever must not miss a message asks, or has `missed` called.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from redis.exceptions import RedisError

from bff.redis.clients import close_async_client, open_listener

_BEAT_SECONDS = 1.0
_ANSWER_SECONDS = 0.5  # for connecting, and for the answer to a sign of life
_PAUSES_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)

_TROUBLE = (RedisError, OSError)

_log = logging.getLogger(__name__)


class Subscription:
    """Listens from its making, on the running loop, until `close`. `heard` and `missed` are called
    on that loop, and must not raise."""

    def __init__(
        self,
        redis_url: str,
        channel: str,
        heard: Callable[[bytes], None],
        missed: Callable[[], None],
    ) -> None:
        self.hears = False
        self._url = redis_url
        self._channel = channel
        self._heard = heard
        self._missed = missed
        self._attempts = 0
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stop listening."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._listen()
            except _TROUBLE as error:
                _log.debug("the channel %s: %s: %s", self._channel, type(error).__name__, error)
            heard, self.hears = self.hears, False
            failures = 0 if heard else failures + 1
            await asyncio.sleep(_PAUSES_SECONDS[min(failures, len(_PAUSES_SECONDS) - 1)])

    async def _listen(self) -> None:
        """Listen until the connection fails, which raises."""
        self._attempts += 1
        client = open_listener(self._url, seconds=_ANSWER_SECONDS, attempt=self._attempts)
        pubsub = client.pubsub()
        try:
            async with asyncio.timeout(2 * _ANSWER_SECONDS):
                await pubsub.subscribe(self._channel)
            answered = False
            while True:
                received = await pubsub.get_message(
                    timeout=_BEAT_SECONDS if answered else _ANSWER_SECONDS
                )
                if received is None:
                    if not answered:
                        raise TimeoutError("no sign of life")
                    await pubsub.ping()
                    answered = False
                    continue
                answered = True
                if received["type"] == "subscribe":
                    self.hears = True
                    self._missed()
                elif received["type"] == "message":
                    self._heard(received["data"])
        finally:
            with suppress(*_TROUBLE):
                await pubsub.aclose()  # type: ignore[no-untyped-call]
                await close_async_client(client)

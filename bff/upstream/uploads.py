"""A request body that is still arriving, on its way to an upstream.

Both HTTP clients pull it chunk by chunk. The exchange's clock runs only while the gateway waits for
the upstream. When nobody waits for the reply any more, the body ends with an error, never as if it
were whole: that error makes the clients drop the connection.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from bff.engine.ports import ServiceCall
from bff.engine.values.outcomes import Failed, Reason

WRONG_LENGTH = Failed(Reason.BAD_INPUT, detail="the body does not have the length that it declares")


class AbandonedUpload(Exception):
    """The exchange was given up while its request body was still being sent."""


class WrongLength(Exception):
    """The body is shorter or longer than its Content-Length."""


def upload_of(call: ServiceCall, silence_seconds: float) -> "Upload | None":
    """The call's body as an upload; None for a body that is there already, or for none."""
    body = call.body
    if body is None or isinstance(body, bytes):
        return None
    lengths = [value for name, value in call.headers if name == b"content-length"]
    return Upload(body, silence_seconds, int(lengths[0]) if lengths else None)


class Clock(Protocol):
    """The clock of an exchange, as `asyncio.Timeout` is one; times are the loop's."""

    def expired(self) -> bool:
        """Whether it has run out, or counts nothing any more."""

    def reschedule(self, when: float | None, /) -> None:
        """Run out at this time; None stops it."""


class Upload:
    """An async iterator over `source` without its empty chunks.

    `clock`, where set, stops while the source is awaited, and starts again with `silence_seconds`
    at each chunk. A body that is not `length` bytes long ends with `WrongLength`: one of the two
    clients would cut it off in silence. For one exchange on one event loop.
    """

    def __init__(
        self, source: AsyncIterator[bytes], silence_seconds: float, length: int | None
    ) -> None:
        self.length = length
        self.clock: Clock | None = None
        self._source = source
        self._left = length
        self._silence_seconds = silence_seconds
        self._abandoned = False
        self._puller: asyncio.Task[object] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._abandoned:
            raise AbandonedUpload
        self._puller = asyncio.current_task()
        self._restart_clock(None)
        try:
            while not (chunk := await anext(self._source)):
                pass
        except StopAsyncIteration:
            if self._left:
                raise WrongLength from None
            raise
        finally:
            self._puller = None
            self._restart_clock(self._silence_seconds)
        if self._left is not None:
            self._left -= len(chunk)
            if self._left < 0:
                raise WrongLength
        return chunk

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for the source's next chunk."""
        return self._puller is not None

    def abandon(self) -> None:
        """End the body with an error at its next chunk, since nobody waits for the reply any more.
        Where the client awaits a chunk in a task of its own, that task is cancelled."""
        self._abandoned = True
        self.clock = None
        if self._puller is not None and self._puller is not asyncio.current_task():
            self._puller.cancel()

    def _restart_clock(self, seconds: float | None) -> None:
        if self.clock is not None and not self.clock.expired():
            now = asyncio.get_running_loop().time()
            self.clock.reschedule(None if seconds is None else now + seconds)

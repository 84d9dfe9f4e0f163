"""The library's replies as the gateway's: whole bodies, chunks, and headers that become pairs at
their first use (1.6 µs a reply of six headers)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from typing import Final, TypeVar, overload

from pyreqwest.bytes import Bytes
from pyreqwest.exceptions import PyreqwestError
from pyreqwest.http import HeaderMap
from pyreqwest.response import Response, ResponseBodyReader

from bff.engine.ports import UpstreamReply
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.guards import content_length
from bff.upstream.ports import BrokenStream, UpstreamStream
from bff.upstream.pyreqwest.failures import failure_of
from bff.upstream.uploads import Upload

T = TypeVar("T")

_NEXT_READ_BYTES: Final = 1_048_576


class RelayedStream(UpstreamStream):
    """A reply whose whole body is read in one step, instead of one for each chunk."""

    __slots__ = ()

    async def read_all(self) -> bytes:
        """See `UpstreamStream.read_all`."""
        assert isinstance(self.chunks, Chunks)  # noqa: S101 - only this kind is put in
        return await self.chunks.read_all()


class Chunks:
    """The rest of a reply's body, as it arrives."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        reader: ResponseBodyReader,
        upload: Upload | None,
        silence_seconds: float,
    ) -> None:
        self._loop = loop
        self._reader = reader
        self._upload = upload
        self._silence_seconds = silence_seconds
        self.were_read = False  # all of them, in one step

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._awaited(self._reader.read_chunk())
        if chunk is None:
            raise StopAsyncIteration
        return chunk.to_bytes()

    async def read_all(self) -> bytes:
        """The whole rest of the body."""
        body = (await self._awaited(self._reader.bytes())).to_bytes()
        self.were_read = True
        return body

    async def _awaited(self, reading: Awaitable[T]) -> T:
        watch = CancellationWatch(self._loop)
        try:
            if self._upload is None:  # the client's own read timeout counts
                read = await reading
            else:  # while the upload goes on, silence is not the upstream's fault
                silence_seconds = self._silence_seconds if self._upload.finished else None
                async with asyncio.timeout(silence_seconds):
                    read = await reading
        except PyreqwestError as error:
            raise BrokenStream(failure_of(error)) from error
        except TimeoutError as error:
            raise BrokenStream(Failed(Reason.TIMEOUT, detail="silence in the body")) from error
        watch.check()
        return read


class CancellationWatch:
    """Finds a cancellation of the running task that an await of the library lost.

    When the result is there at the moment of the cancellation, the await returns the result, and
    the cancellation is lost. Make the watch before the await, and call `check` after it. With the
    loop given, `current_task` needs no system call for the process's id. The watch does not hold
    the task: the frames of a cancelled task hold the watch, and the cycle would wait for the
    garbage collector.
    """

    __slots__ = ("_before", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._before = self._cancellations()

    def check(self) -> None:
        """Raises `CancelledError` when the task was cancelled since."""
        if self._cancellations() > self._before:
            raise asyncio.CancelledError

    def _cancellations(self) -> int:
        task = asyncio.current_task(self._loop)
        return 0 if task is None else task.cancelling()


class LazyHeaders(Sequence[tuple[str, str]]):
    """A reply's headers as `bff.engine.ports.Headers`. A value that is not ASCII is left out, since
    the library has no bytes for it."""

    __slots__ = ("_map", "_pairs")

    def __init__(self, header_map: HeaderMap) -> None:
        self._map = header_map
        self._pairs: list[tuple[str, str]] | None = None

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[str, str]]: ...
    def __getitem__(self, index: int | slice) -> tuple[str, str] | list[tuple[str, str]]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._all())

    def first(self, name: str) -> str | None:
        """The first value of the header called `name`."""
        try:
            return self._map.get(name)
        except ValueError:
            return None

    def _all(self) -> list[tuple[str, str]]:
        if self._pairs is None:
            try:
                self._pairs = list(self._map.items())
            except ValueError:
                self._pairs = [
                    (name, value)
                    for name in dict.fromkeys(self._map.keys())
                    for value in _readable(self._map, name)
                ]
        return self._pairs


class LazyReply(UpstreamReply):
    """An `UpstreamReply` that looks a header up without making pairs of all."""

    __slots__ = ()

    def header(self, name: str) -> str | None:
        """See `UpstreamReply.header`."""
        headers = self.headers
        assert isinstance(headers, LazyHeaders)  # noqa: S101 - only this kind is put in
        return headers.first(name)


async def read_on(
    reply: Response, first: Bytes, byte_cap: int, arriving: Budget | None
) -> bytes | None:
    """The whole of a body whose first read came back full, or None for one beyond the cap, or
    beyond what is left of the budget."""
    declared = reply.get_header("content-length")
    if declared is not None and (content_length(declared) or 0) > byte_cap:
        return None
    pieces, size = [first], len(first)
    while size <= byte_cap:
        piece = await reply.body_reader.read(min(_NEXT_READ_BYTES, byte_cap + 1 - size))
        if piece is None:
            return b"".join(pieces)
        if arriving is not None and not arriving.take(len(piece)):
            return None
        pieces.append(piece)
        size += len(piece)
    return None


def _readable(header_map: HeaderMap, name: str) -> list[str]:
    try:
        return header_map.getall(name)
    except ValueError:
        return []

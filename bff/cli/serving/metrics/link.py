"""A worker's end of the socket on which it and the launcher exchange metrics.

    worker    NUMBERS   the changed metrics, once a second and before each question
              ASK       asks for the metrics of all workers in a rendition
    launcher  ANSWER    the rendered metrics, in the order of the questions

Rules:
1. A frame is the length of its content in four bytes, its kind in one, and the content.
2. The buffer of the socket is empty before the next frame is written.
3. Equal questions at one time are one question. It goes on when its callers have left. No caller
   waits longer than `answer_seconds`.
4. Metrics never end a worker. Once the link is broken, questions have no answer.
"""

import asyncio
import logging
import socket
from collections import deque
from contextlib import suppress
from typing import Final

import msgspec

from bff.telemetry.metrics.exposition import Rendition
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.snapshots import BadMessage, Changes

NUMBERS: Final = 0
ASK: Final = 1
ANSWER: Final = 2

MOST_NUMBERS_BYTES: Final = 8 * 1024 * 1024
MOST_ANSWER_BYTES: Final = 256 * 1024 * 1024

EACH_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 5.0
_LAST_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


class MetricsLink:
    """Sends the metrics of this process, and asks for those of all. For one event loop."""

    def __init__(
        self,
        metrics: Metrics,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer_seconds: float = _ANSWER_SECONDS,
        each_seconds: float = EACH_SECONDS,
    ) -> None:
        self._changes = Changes(metrics)
        self._writer = writer
        self._answer_seconds = answer_seconds
        self._each_seconds = each_seconds
        self._sending = asyncio.Lock()
        self._asking: dict[Rendition, asyncio.Task[bytes | None]] = {}
        self._unanswered: deque[asyncio.Future[bytes | None]] = deque()
        writer.transport.set_write_buffer_limits(high=0)  # rule 2
        self._reading = asyncio.create_task(self._read_answers(reader))
        self._repeating = asyncio.create_task(self._send_again_and_again())

    @classmethod
    async def open(cls, metrics: Metrics, link: socket.socket) -> "MetricsLink":
        """Begin to send at this end of a socket pair."""
        return cls(metrics, *await asyncio.open_unix_connection(sock=link))

    async def render(self, rendition: Rendition) -> bytes | None:
        """The rendered metrics of all workers; None where the launcher doesn't answer in time."""
        asking = self._asking.get(rendition)
        if asking is None:
            asking = asyncio.create_task(self._ask(rendition))
            self._asking[rendition] = asking
            asking.add_done_callback(lambda _: self._asking.pop(rendition))
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await asyncio.shield(asking)
        except TimeoutError:
            return None

    async def close(self) -> None:
        """Send the last changes, unless the launcher is too slow, and end."""
        self._repeating.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await self._could_send_numbers()
        for task in (self._reading, *self._asking.values()):
            task.cancel()
        self._writer.close()

    async def _ask(self, rendition: Rendition) -> bytes | None:
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        try:
            await self._send_numbers()
            self._unanswered.append(answer)  # before the question: its answer may come at once
            await self._send(ASK, msgspec.msgpack.encode(rendition))
        except OSError:
            return None
        return await answer

    async def _send_again_and_again(self) -> None:
        while True:
            if not await self._could_send_numbers():
                return
            await asyncio.sleep(self._each_seconds)

    async def _could_send_numbers(self) -> bool:
        try:
            await self._send_numbers()
            return True
        except OSError:  # the launcher has ended the link, and logged why
            return False
        except Exception:
            _log.exception("this worker's metrics are not sent any more")
            return False

    async def _send_numbers(self) -> None:
        async with self._sending:
            for message in self._changes.messages():
                if message is not None:
                    await self._send(NUMBERS, message)
                await asyncio.sleep(0)  # other work runs between two parts

    async def _send(self, kind: int, content: bytes) -> None:
        if self._reading.done() or self._writer.is_closing():
            raise ConnectionResetError("the link is broken")
        self._writer.write(frame(kind, content))
        await self._writer.drain()

    async def _read_answers(self, reader: asyncio.StreamReader) -> None:
        try:
            while (answer := await read_frame(reader, MOST_ANSWER_BYTES)) is not None:
                _resolve(self._unanswered.popleft(), answer[1])
        except (BadMessage, OSError):
            pass
        finally:
            for future in self._unanswered:
                _resolve(future, None)


def _resolve(future: asyncio.Future[bytes | None], answer: bytes | None) -> None:
    if not future.done():  # else the question was cancelled at the end
        future.set_result(answer)


def frame(kind: int, content: bytes) -> bytes:
    """A frame (rule 1)."""
    return b"%b%c%b" % (len(content).to_bytes(4, "big"), kind, content)


async def read_frame(reader: asyncio.StreamReader, most_bytes: int) -> tuple[int, bytes] | None:
    """The kind and the content of the next frame; None where the other end has closed, even within
    a frame. Raises `BadMessage` for a frame with more content, and `OSError`."""
    try:
        head = await reader.readexactly(5)
        length = int.from_bytes(head[:4], "big")
        if length > most_bytes:
            raise BadMessage(f"a frame of {length} bytes")
        return head[4], await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None

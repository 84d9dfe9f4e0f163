"""Collects the metrics of all workers in the launcher, and renders them.

Rules:
1. Workers are not trusted. A frame that is too long or malformed ends the link of its worker, with
   a line in the log. The worker then counts as ended.
2. A link ends with its worker. The worker's counts then join the totals of ended workers.
3. A thread makes one rendition at a time. Requests for a rendition that waits for its turn share
   it. So many requests at once cost two renditions of each kind. A rendition goes on when its
   callers have left.
4. A worker sends its metrics each second from its first message on. One that stops hangs.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable

import msgspec

from bff.cli.serving.metrics.link import (
    ANSWER,
    ASK,
    MOST_ANSWER_BYTES,
    MOST_NUMBERS_BYTES,
    NUMBERS,
    frame,
    read_frame,
)
from bff.telemetry.metrics.definitions.process import WORKER_SILENCE
from bff.telemetry.metrics.exposition import Rendition, render
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.metrics.snapshots import BadMessage, Replica
from bff.telemetry.metrics.totals import Totals

_decode_question = msgspec.msgpack.Decoder(Rendition).decode

_log = logging.getLogger(__name__)


class MetricsCollector:
    """The metrics of the launcher, `own`, and of its workers. For one event loop; `clock` gives
    seconds from any start."""

    def __init__(self, own: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._totals = Totals(own)
        self._rendering = asyncio.Lock()
        self._waiting: dict[Rendition, asyncio.Task[bytes]] = {}
        self._links: set[asyncio.Task[None]] = set()
        self._clock = clock
        self._heard_at: dict[Replica, float] = {}
        own.gauge(WORKER_SILENCE).watch((), self._longest_silence)

    def link(self) -> socket.socket:
        """The socket for a new worker. The collector reads the other end until every copy of this
        one is closed. Close it here once the worker has it."""
        own, of_worker = socket.socketpair()
        task = asyncio.create_task(self._collect(own))
        self._links.add(task)
        task.add_done_callback(self._links.discard)
        return of_worker

    async def render(self, rendition: Rendition) -> bytes:
        """The metrics of this moment, or of a later one."""
        waiting = self._waiting.get(rendition)
        if waiting is None:
            waiting = asyncio.create_task(self._render_in_turn(rendition))
            self._waiting[rendition] = waiting
        return await asyncio.shield(waiting)

    async def _render_in_turn(self, rendition: Rendition) -> bytes:
        async with self._rendering:
            del self._waiting[rendition]  # a later question needs later numbers
            return await asyncio.to_thread(render, self._totals.table(), rendition)

    async def _collect(self, link: socket.socket) -> None:
        reader, writer = await asyncio.open_unix_connection(sock=link)
        replica = self._totals.join()
        try:
            while (read := await read_frame(reader, MOST_NUMBERS_BYTES)) is not None:
                kind, content = read
                if kind == NUMBERS:
                    self._totals.apply(replica, content)
                    self._heard_at[replica] = self._clock()
                elif kind == ASK:
                    await self._answer(writer, content)
                else:
                    raise BadMessage(f"a frame of kind {kind}")
        except BadMessage as error:
            _log.warning("a worker's metrics are ignored from now on: it sent %s", error)
        except OSError:
            pass
        finally:
            self._heard_at.pop(replica, None)
            self._totals.leave(replica)
            writer.close()

    def _longest_silence(self) -> float:
        return self._clock() - min(self._heard_at.values(), default=self._clock())

    async def _answer(self, writer: asyncio.StreamWriter, question: bytes) -> None:
        try:
            rendition = _decode_question(question)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadMessage(f"a malformed question: {error}") from None
        body = await self.render(rendition)
        if len(body) > MOST_ANSWER_BYTES:
            raise BadMessage(f"a question whose answer has {len(body)} bytes")
        writer.write(frame(ANSWER, body))
        await writer.drain()

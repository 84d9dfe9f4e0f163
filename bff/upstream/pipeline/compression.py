"""Replies of a service with `compression: on`: asked for compressed, and decoded.

Rules:
1. A decoded body has the bound of every reply, and beyond `FREE_BYTES` it is at most `MOST_RATIO`
   times as long as what came. It is taken from the run's budget like what came.
2. The event loop runs between two pieces: see `bff.upstream.codings`.
3. Only bodies that somebody reads are decoded: those of 2xx.
4. Decoding, and waiting for that, is a part of the call's time.
5. At most `MOST_AT_ONCE` are decoded at once, since brotli's window may take 16 MiB of memory.
"""

import asyncio
from functools import partial
from typing import Final

from msgspec import structs

from bff.engine.answers import Handle, OnAnswer, TaskCall
from bff.engine.ports import Headers, ServiceCall, UpstreamReply
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.codings import CODINGS, BadCoding, TooLong, codings_of, decode
from bff.upstream.pipeline.balance import Send

MOST_RATIO: Final = 100
MOST_AT_ONCE: Final = 4
FREE_BYTES: Final = 65_536  # JSON of a few words repeated shrinks to a thousandth

_ACCEPT: Final = (b"accept-encoding", ", ".join(CODINGS).encode())
_NAME: Final = b"content-encoding"
_OF_THE_CODING: Final = frozenset({_NAME, b"content-length"})


class Decoding:
    """The decoding of replies on one event loop; bodies have at most `byte_cap` bytes."""

    def __init__(self, byte_cap: int) -> None:
        self.byte_cap = byte_cap
        self.places = asyncio.Semaphore(MOST_AT_ONCE)


def decoded(send: Send[UpstreamReply], decoding: Decoding) -> Send[UpstreamReply]:
    """Sends calls so that their replies may come compressed; what answers is decoded."""
    return partial(_DecodedCall, send, decoding)


class _DecodedCall:
    """A call whose reply is decoded; it is itself the handle. A task is for decoding alone."""

    __slots__ = ("_arriving", "_current", "_decoding", "_ends_at", "_on_answer")

    def __init__(
        self,
        send: Send[UpstreamReply],
        decoding: Decoding,
        base: str,
        call: ServiceCall,
        seconds: float,
        on_answer: OnAnswer[UpstreamReply],
    ) -> None:
        self._decoding = decoding
        self._ends_at = asyncio.get_running_loop().time() + seconds
        self._arriving = call.arriving
        self._on_answer = on_answer
        headers = [header for header in call.headers if header[0] != _ACCEPT[0]]
        asking = structs.replace(call, headers=(*headers, _ACCEPT))
        self._current: Handle = send(base, asking, seconds, self._take)

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        self._current.cancel()

    def _take(self, answer: UpstreamReply | Failed | Exception) -> None:
        on_answer = self._on_answer
        del self._on_answer  # who waits holds this handle: a cycle would keep the reply
        if isinstance(answer, UpstreamReply) and 200 <= answer.status < 300 and answer.body:
            named = b", ".join([value for name, value in answer.headers if name == _NAME])
            if named:
                self._current = TaskCall(self._decode(answer, named), on_answer)
                return
        on_answer(answer)

    async def _decode(self, reply: UpstreamReply, named: bytes) -> UpstreamReply | Failed:
        try:
            async with asyncio.timeout_at(self._ends_at):
                return await decode_reply(reply, named, self._decoding, self._arriving)
        except TimeoutError:
            return Failed(Reason.TIMEOUT, reply.status, detail="its decoding took too long")


async def decode_reply(
    reply: UpstreamReply, named: bytes, decoding: Decoding, arriving: Budget | None
) -> UpstreamReply | Failed:
    """The reply without the codings that its `Content-Encoding` has `named`, or the failure."""
    body = reply.body
    most = min(decoding.byte_cap, max(FREE_BYTES, MOST_RATIO * len(body)))
    try:
        codings = codings_of(named.decode("latin-1"))
        async with decoding.places:
            for coding in codings:
                body = await _decode(body, coding, most, arriving)
    except BadCoding as error:
        detail = f"content-encoding: {named[:40].decode('latin-1')}: {error}"
        return Failed(Reason.ENCODED, reply.status, detail=detail)
    except TooLong:
        detail = f"over {most} bytes once it is decoded, of {len(reply.body)} that came"
        return Failed(Reason.TOO_LARGE, reply.status, detail=detail)
    headers: Headers = [each for each in reply.headers if each[0] not in _OF_THE_CODING]
    return UpstreamReply(reply.status, headers, body)


async def _decode(body: bytes, coding: str, most: int, arriving: Budget | None) -> bytes:
    pieces: list[bytes] = []
    for piece in decode(body, coding, most):
        if pieces:
            await asyncio.sleep(0)
        if arriving is not None and not arriving.take(len(piece)):
            raise TooLong
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)

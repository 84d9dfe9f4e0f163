"""What the pipeline needs of an HTTP client: instances, and one exchange with one of them.

Each transport has a folder here; tests script their own. Every transport obeys these rules:
1. Nothing is added to or taken from the request target and headers but what HTTP's framing needs
   (`Host`, `Content-Length` or `Transfer-Encoding`), and `Accept: */*` and `User-Agent: bff` where
   there is none. Redirects are not followed, no cookies are stored, nothing is decoded, and proxies
   and netrc of the environment are ignored. A proxy of the request's own gets an absolute target
   and `Proxy-Authorization` where it is to understand the request, which is with plain HTTP.
2. Exchanges answer by the rules of `bff.engine.answers`. Trouble is a `Failed`.
3. `Failed.was_sent` is False only where the instance can't have received any of the request.
4. Connecting takes half of an exchange's time at most. So an exchange without a connection is known
   to be unsent, and leaves time for another instance.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, NamedTuple, Protocol, runtime_checkable
from urllib.parse import urlsplit

from msgspec import Struct

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import Headers, ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed
from bff.plan.model.service import Link

WHOLE_BYTES: Final = 65_536  # a body of at most so many is not streamed


class Server(NamedTuple):
    """An instance, by its base URL, and where that leads: OpenTelemetry's `server.address` and
    `server.port`. The host is as the project writes it, without the brackets of IPv6."""

    base: str
    host: str
    port: str


def server_at(base: str) -> Server:
    """The server at a base URL, which may be none: then it has no host."""
    try:
        parts = urlsplit(base)
        host, port = parts.hostname, parts.port
    except ValueError:
        return Server(base, "", "")
    return Server(base, host or "", str(port or (443 if parts.scheme == "https" else 80)))


class ArrivingBody(Protocol):
    """A reply's body whose end has not come. Iterating it raises `BrokenStream` when the upstream
    breaks off before its end. Read it to its end, or close it."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Its pieces as they come."""

    async def __anext__(self) -> bytes:
        """The next of them."""

    async def aclose(self) -> None:
        """Close the exchange at once. Safe to call twice."""


class UpstreamStream(Struct, frozen=True):
    """A reply whose body has begun: its bytes, where all of them are there, or the arriving one."""

    status: int
    headers: Headers
    body: bytes | ArrivingBody

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, however it is there; closed at the end of the iteration."""
        if isinstance(self.body, bytes):
            if self.body:
                yield self.body
            return
        try:
            async for piece in self.body:
                yield piece
        finally:
            await self.body.aclose()


class SwitchedConnection(NamedTuple):
    """A connection that speaks another protocol, after a 101 with these headers. `early` came right
    behind them. Reading is paused; whoever has it closes the transport."""

    headers: Headers
    transport: asyncio.Transport
    early: bytes


class BrokenStream(Exception):
    """An upstream's body ended before its time; `failure` describes how."""

    def __init__(self, failure: Failed) -> None:
        self.failure = failure
        super().__init__(failure.reason.word)


class Instance(Protocol):
    """An instance of a service, as a transport reaches it. Safe for concurrent use on its loop."""

    def fetch(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        """Send; the answer is the whole reply, within `timeout_seconds` (connect included).

        A body longer than `byte_cap`, or than what is left of the call's `arriving`, is
        `Failed(TOO_LARGE)`; reading stops there.
        """

    def open(
        self, call: ServiceCall, on_answer: OnAnswer[UpstreamStream], *, timeout_seconds: float
    ) -> Handle:
        """Send; the answer is the reply once the first byte of its body is there, or all of it
        where its declared length is `WHOLE_BYTES` at most: what breaks before is a failure.
        `timeout_seconds` bounds the wait for the head, and each later silence. What a body that is
        still arriving raises before is the answer, too. To cancel closes an unfinished exchange,
        before the answer and after it."""


@runtime_checkable
class Switching(Protocol):
    """What an `Instance` has whose connections may change their protocol."""

    def switch(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[SwitchedConnection | UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        """Send a GET that offers the protocol of its `upgrade` header, on a connection of its own.
        `timeout_seconds` bounds the wait for the whole reply, and `byte_cap` the body of one that
        is no 101."""


class Transport(Protocol):
    """Reaches instances. One per event loop."""

    def at(self, base: str, link: Link | None) -> Instance:
        """The instance at this base URL, which is percent-encoded; `link` is how connections are
        made, where not as to any service. Opens nothing: each exchange reports what is wrong with
        the URL. The target of a call is put behind it as it is."""

    async def close(self) -> None:
        """Close every connection."""

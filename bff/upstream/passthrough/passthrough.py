"""Raw pass-through: a request below a route's prefix goes to its service, and the reply comes back.

Method, path, query and body pass as they came; `bff.upstream.passthrough.headers` decides about
headers. Bodies are streamed both ways, and none of them is stored. A small body of known length
passes in one piece, which halves its cost. The limit on compositions' request bodies does not apply
here: a route has its own, or none. Nothing is decoded, cached or validated. Protocols are not
switched: an `Upgrade` is not forwarded, so the service answers without it.

A reply goes on with the first byte of its body. What breaks before is a `Failed`, and the client
gets a problem; what breaks later breaks the client's connection (RFC 9112 §8).
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, NamedTuple

from bff.engine.answers import answer_to
from bff.engine.ports import Headers, ServiceCall
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.composition import Route
from bff.plan.params.sendable import has_dot_segment
from bff.upstream.guards import content_length, is_sendable
from bff.upstream.passthrough.headers import (
    ClientInfo,
    reply_headers,
    request_headers,
)
from bff.upstream.pipeline.stack import ServiceClient
from bff.upstream.ports import BrokenStream, UpstreamStream

ONE_PIECE_BYTES: Final = 65_536
SMALL_BODY_SECONDS: Final = 15  # for what is passed in one piece; a larger one is not waited for


class ForwardedReply(NamedTuple):
    """The service's reply, ready to go out. `content-length` is among the headers where it is
    known. A body of chunks raises `BrokenStream` when the service breaks off: then the client's
    connection must break too. Read the body to its end, or end it with `aclose`."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: "bytes | RelayedBody"


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is not forwarded, and the status for it."""

    status: Literal[400, 403, 408, 413, 426, 501]
    reason: str  # a word, as in problem documents
    detail: str  # for people
    headers: tuple[tuple[bytes, bytes], ...] = ()


# Whatever a transport refuses here came from the client.
_MALFORMED: Final = Refused(400, "bad_request", "The request's headers or body are malformed.")

_SLOW: Final = Refused(408, "slow_body", f"The body took over {SMALL_BODY_SECONDS} seconds.")


class _TooLargeBody(Exception):
    """The request's body is longer than its route takes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        super().__init__(most_bytes)


class Passthrough:
    """Forwards the requests of a route. One per event loop, like the client that it uses."""

    def __init__(self, route: Route, services: ServiceClient) -> None:
        self._route = route
        self._way = services.streaming_way(route.service, route.timeout_seconds)

    def target(self, method: str, raw_path: str, raw_query: str) -> str | Refused:
        """The request's target at the service. `raw_path` begins with the route's prefix; it and
        `raw_query` are percent-encoded as they came."""
        if (refused := _refuse(method, raw_path, raw_query)) is not None:
            return refused
        route = self._route
        path = (raw_path.removeprefix(route.prefix) or "/") if route.strip else raw_path
        return f"{path}?{raw_query}" if raw_query else path

    async def open(
        self,
        *,
        method: str,
        target: str,
        headers: Headers,
        body: AsyncIterator[bytes] | bytes | None,
        client: ClientInfo,
        request_id: bytes,
    ) -> ForwardedReply | Refused | Failed:
        """Forward one request, and return the reply once the first byte of its body is there.

        `target` is what the method of this name gave. Raises what `body` raises. A cancelled call,
        or an `aclose` of the reply's body, ends the exchange with the service.
        """
        route = self._route
        sent = request_headers(headers, client, request_id)
        if body is not None and not isinstance(body, bytes):
            length, most_bytes = _length_of(headers), route.most_body_bytes
            if length is None:
                body = body if most_bytes is None else _bounded(body, most_bytes)
            elif most_bytes is not None and length > most_bytes:
                return _too_large(most_bytes)
            elif length <= ONE_PIECE_BYTES:
                try:
                    async with asyncio.timeout(SMALL_BODY_SECONDS):
                        body = b"".join([chunk async for chunk in body])
                except TimeoutError:
                    return _SLOW
                if len(body) != length:
                    return _MALFORMED
            else:
                sent.append((b"content-length", b"%d" % length))
        call = ServiceCall(route.service, method, target, sent, body)
        try:
            opened = await answer_to(partial(self._way, call, route.timeout_seconds))
            if isinstance(opened, Failed):
                return _MALFORMED if opened.reason is Reason.BAD_INPUT else opened
            return await _relay(opened, method)
        except _TooLargeBody as error:
            return _too_large(error.most_bytes)


class RelayedBody:
    """A reply's body on its way from the service to the client; ends the exchange when it ends."""

    def __init__(self, first: bytes, upstream: UpstreamStream) -> None:
        self._first = first
        self._exchange = upstream.exchange
        self._chunks = upstream.chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            return await anext(self._chunks)
        except BaseException:  # the end, a broken stream, or a client that left
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the exchange; the upstream's connection is closed unless the body was whole."""
        self._exchange.cancel()


async def _relay(upstream: UpstreamStream, method: str) -> ForwardedReply | Failed:
    goes_on = False
    try:
        headers, framing = reply_headers(upstream.headers)
        if framing.coding is not None and framing.coding.lower() != b"chunked":
            detail = f"transfer coding {framing.coding.decode('latin-1')!r}"
            return Failed(Reason.ENCODED, upstream.status, detail=detail)
        if framing.length is not None and upstream.status != 204:
            headers.append((b"content-length", b"%d" % framing.length))
        if _is_one_piece(method, upstream.status, framing.length):
            whole = await upstream.read_all()
            return ForwardedReply(upstream.status, headers, whole)
        first = await anext(upstream.chunks, b"")
        if not first:
            return ForwardedReply(upstream.status, headers, b"")
        goes_on = True
        return ForwardedReply(upstream.status, headers, RelayedBody(first, upstream))
    except BrokenStream as broke:  # nothing has gone out yet, so it can still be an error
        return broke.failure
    finally:
        if not goes_on:
            upstream.exchange.cancel()


def _is_one_piece(method: str, status: int, length: int | None) -> bool:
    if method == "HEAD" or status in (204, 304):  # no body, whatever its length
        return True
    return length is not None and length <= ONE_PIECE_BYTES


def _refuse(method: str, raw_path: str, raw_query: str) -> Refused | None:
    if method in ("CONNECT", "TRACE"):  # a tunnel, and an echo of credentials
        return Refused(501, "method_not_forwarded", f"{method} is not forwarded.")
    if has_dot_segment(raw_path):
        return Refused(400, "dot_segment", "The path has a segment that reads as '.' or '..'.")
    if not is_sendable(raw_path) or (raw_query and not is_sendable(raw_query)):
        return Refused(400, "bad_path", "The path and query must be visible ASCII, without '\\'.")
    return None


async def _bounded(body: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[bytes]:
    """The body; raises `_TooLargeBody` instead of what goes beyond `most_bytes`."""
    left = most_bytes
    async for chunk in body:
        left -= len(chunk)
        if left < 0:
            raise _TooLargeBody(most_bytes)
        yield chunk


def _too_large(most_bytes: int) -> Refused:
    return Refused(413, "body_too_large", f"The body may have {most_bytes} bytes.")


def _length_of(headers: Headers) -> int | None:
    """The request's Content-Length; None where it is chunked, which overrides it."""
    length: int | None = None
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = content_length(value)
    return length

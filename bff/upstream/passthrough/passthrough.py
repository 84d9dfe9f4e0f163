"""Raw pass-through: a request below a route's prefix goes to its service, and the reply comes back.

Method, path, query and body pass as they came; `bff.upstream.passthrough.headers` decides about
headers. Bodies are streamed both ways, and none of them is stored. A small body of known length
passes in one piece, which halves its cost. The limit on compositions' request bodies does not apply
here: a route has its own, or none. Nothing is decoded, cached or validated. Protocols are not
switched: an `Upgrade` is not forwarded, so the service answers without it (`websockets.py` has the
handshakes of WebSockets).

A reply goes on with the first byte of its body. What breaks before is a `Failed`, and the client
gets a problem; what breaks later breaks the client's connection (RFC 9112 §8).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from msgspec import structs

from bff.engine.answers import Handle, OnAnswer, TaskCall
from bff.engine.ports import Headers, ServiceCall
from bff.engine.values.outcomes import Failed, Reason
from bff.engine.values.results import Caller
from bff.engine.values.trace import Trace
from bff.plan.model.composition import Route
from bff.plan.params.sendable import has_dot_segment
from bff.upstream.guards import content_length, is_sendable
from bff.upstream.passthrough.headers import ClientInfo, RouteHeaders
from bff.upstream.pipeline.stack import ServiceClient
from bff.upstream.ports import WHOLE_BYTES, ArrivingBody, UpstreamStream

SMALL_BODY_SECONDS: Final = 15  # for what is passed in one piece; a larger one is not waited for


class ForwardedReply(NamedTuple):
    """The service's reply, ready to go out. `content-length` is among the headers where it is
    known. A body that still arrives raises `BrokenStream` when the service breaks off: then the
    client's connection must break too."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes | ArrivingBody


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is not forwarded, and the status for it."""

    status: Literal[400, 403, 408, 413, 426, 501]
    reason: str  # a word, as in problem documents
    detail: str  # for people
    headers: tuple[tuple[bytes, bytes], ...] = ()


# What a call brings: a reply, of which the client gets the `passed_headers`; or a `refusal`.
Answer = UpstreamStream | Refused

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

    def __init__(self, route: Route, services: ServiceClient, headers: RouteHeaders) -> None:
        self._route = route
        self._headers = headers
        self._way = services.streaming_way(route)

    def target(self, method: str, raw_path: str, raw_query: str) -> str | Refused:
        """The request's target at the service. `raw_path` begins with the route's prefix; it and
        `raw_query` are percent-encoded as they came."""
        if (refused := _refuse(method, raw_path, raw_query)) is not None:
            return refused
        route = self._route
        path = raw_path.removeprefix(route.prefix) if route.strip else raw_path
        path = path or self._headers.root
        return f"{path}?{raw_query}" if raw_query else path

    def begin(
        self,
        on_answer: OnAnswer[Answer],
        method: str,
        target: str,
        headers: Headers,
        body: AsyncIterator[bytes] | bytes | None,
        client: ClientInfo,
        trace: Trace,
        caller: Caller | None = None,
    ) -> Handle:
        """Forward one request; the answer is there once the first byte of the reply's body is.

        `target` is what the method of this name gave; `caller` is there for a service that learns
        who calls. What `body` raises is the answer, too. To
        cancel closes the exchange with the service.
        """
        route = self._route
        sent = self._headers.to_service(headers, client)
        call = ServiceCall(
            route.service, method, target, sent, body, None, False, None, "", caller, trace
        )
        if body is None or isinstance(body, bytes):
            return self._way(call, route.timeout_seconds, on_answer)
        length, most_bytes = _length_of(headers), route.most_body_bytes
        if length is None:
            bounded = body if most_bytes is None else _bounded(body, most_bytes)
            return self._way(structs.replace(call, body=bounded), route.timeout_seconds, on_answer)
        if most_bytes is not None and length > most_bytes:
            return asyncio.get_running_loop().call_soon(on_answer, _too_large(most_bytes))
        if length <= WHOLE_BYTES:
            return _SmallUpload(call, body, length, self._forward, on_answer)
        sent.append((b"content-length", b"%d" % length))
        return self._way(call, route.timeout_seconds, on_answer)

    def passed_headers(self, method: str, upstream: UpstreamStream) -> list[tuple[bytes, bytes]]:
        """The headers that the client gets with a reply to a request of this method."""
        status, body = upstream.status, upstream.body
        headers, length = self._headers.to_client(upstream.headers)
        if length is None and isinstance(body, bytes) and method != "HEAD" and status != 304:
            length = len(body)
        if length is not None and status != 204:
            headers.append((b"content-length", b"%d" % length))
        return headers

    def _forward(self, call: ServiceCall, on_answer: OnAnswer[Answer]) -> Handle:
        return self._way(call, self._route.timeout_seconds, on_answer)


class _SmallUpload:
    """A call whose body goes out in one piece, once all of it is there; the handle of both. What
    forwards it is no part of the task: a reply that a task has and nobody wants would stay open."""

    __slots__ = ("_call", "_forward", "_handle", "_on_answer")

    def __init__(
        self,
        call: ServiceCall,
        body: AsyncIterator[bytes],
        length: int,
        forward: Callable[[ServiceCall, OnAnswer[Answer]], Handle],
        on_answer: OnAnswer[Answer],
    ) -> None:
        self._call = call
        self._forward = forward
        self._on_answer = on_answer
        reading = _read_whole(body, length)
        self._handle: Handle = TaskCall[bytes | Refused](reading, self._take)

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        self._handle.cancel()

    def _take(self, body: bytes | Refused | Failed | Exception) -> None:
        if isinstance(body, bytes):
            self._handle = self._forward(structs.replace(self._call, body=body), self._on_answer)
        else:
            self._on_answer(body)


async def _read_whole(body: AsyncIterator[bytes], length: int) -> bytes | Refused:
    try:
        async with asyncio.timeout(SMALL_BODY_SECONDS):
            whole = b"".join([piece async for piece in body])
    except TimeoutError:
        return _SLOW
    return whole if len(whole) == length else _MALFORMED


def refusal(answer: Refused | Failed | Exception) -> Refused | Failed:
    """Why there is no reply. Raises what is a bug."""
    match answer:
        case _TooLargeBody():
            return _too_large(answer.most_bytes)
        case Failed(reason=Reason.BAD_INPUT):
            return _MALFORMED
        case Exception():
            raise answer
        case _:
            return answer


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

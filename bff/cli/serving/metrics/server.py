"""A small server in the launcher, for `GET /metrics` at a separate port.

Rules:
1. A connection has one request, and a bounded time for its head and for its answer.
2. At most `MOST_CONNECTIONS` are open. Where a further one comes, the oldest one without a complete
   head is closed. So clients that hang or trickle delay no other. Where all are being answered, the
   new one is closed.
3. If a token is set, each request needs it. It is compared in constant time.

The gateway's own server needs the project and Flask. The launcher has neither, which saves 70 MB.
"""

import asyncio
import hmac
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final, NamedTuple

from bff.telemetry.metrics.exposition import Rendition, choose_rendition

MOST_CONNECTIONS: Final = 32

_PATH: Final = b"/metrics"
_MOST_HEAD_BYTES: Final = 8192
_HEAD_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 10.0  # Prometheus waits as long

Header = tuple[bytes, bytes]

_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")


class Answer(NamedTuple):
    """A reply: the metrics, or a text for people."""

    status: HTTPStatus
    body: bytes
    headers: Sequence[Header]


class MetricsServer:
    """Answers with the metrics that `render` gives. If `token` is not None, clients must send it.
    For one event loop."""

    def __init__(
        self,
        render: Callable[[Rendition], Awaitable[bytes]],
        token: str | None,
        *,
        head_seconds: float = _HEAD_SECONDS,
        answer_seconds: float = _ANSWER_SECONDS,
    ) -> None:
        self._head_seconds = head_seconds
        self._answer_seconds = answer_seconds
        self._render = render
        self._token = None if token is None else token.encode()
        self._server: asyncio.Server | None = None
        # Connections without a complete head, in the order in which they came.
        self._waiting: dict[asyncio.StreamWriter, None] = {}
        self._connections: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self, listener: socket.socket) -> None:
        """Accept connections from a socket that listens."""
        self._server = await asyncio.start_server(
            self._accept, sock=listener, limit=_MOST_HEAD_BYTES
        )

    def close(self) -> None:
        """Accept no more connections, and break off the open ones."""
        if self._server is not None:
            self._server.close()
        for writer in self._connections:
            writer.transport.abort()

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # In a task of our own: asyncio's reports an error when it is cancelled, at the end.
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._make_room():
            writer.transport.abort()
            return
        writer.transport.set_write_buffer_limits(high=0)  # `drain` waits until all is sent
        self._connections.add(writer)
        self._waiting[writer] = None
        try:
            head = await _read_head(reader, self._head_seconds)
            self._waiting.pop(writer, None)
            if head is not None:
                async with asyncio.timeout(self._answer_seconds):
                    answer = await self._answer(head)
                    writer.write(_head_of(answer))
                    if not head.startswith(b"HEAD "):
                        writer.write(answer.body)
                    await writer.drain()
        except (OSError, TimeoutError):
            writer.transport.abort()
        finally:
            self._waiting.pop(writer, None)
            self._connections.discard(writer)
            writer.close()

    def _make_room(self) -> bool:
        if len(self._connections) < MOST_CONNECTIONS:
            return True
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        del self._waiting[oldest]
        self._connections.discard(oldest)
        oldest.transport.abort()
        return True

    async def _answer(self, head: bytes) -> Answer:
        try:
            request = read_request(head)
        except ValueError:
            return Answer(HTTPStatus.BAD_REQUEST, b"This is no request of HTTP/1.1.\n", [_TEXT])
        refusal = refusal_of(request, self._token)
        if refusal is not None:
            return refusal
        rendition = choose_rendition(request.header(b"accept"), request.header(b"accept-encoding"))
        return Answer(HTTPStatus.OK, await self._render(rendition), rendition.headers())


class Request(NamedTuple):
    """The head of a request. Names of headers are in lower case."""

    method: bytes
    path: bytes
    headers: Sequence[Header]

    def header(self, name: bytes) -> bytes | None:
        """The lines of a header as one list; None where there is none."""
        values = [value for each, value in self.headers if each == name]
        return b",".join(values) if values else None


def read_request(head: bytes) -> Request:
    """The request whose head this is, up to the empty line. Raises `ValueError`."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, target, version = first.split(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise ValueError("another version")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise ValueError("a line that is no header")
        headers.append((name.lower(), value.strip()))
    return Request(method, target.partition(b"?")[0], headers)


def refusal_of(request: Request, token: bytes | None) -> Answer | None:
    """The answer to a request that gets no metrics; None where it gets them."""
    if request.path != _PATH:
        return Answer(HTTPStatus.NOT_FOUND, b"The metrics are at /metrics.\n", [_TEXT])
    if request.method not in (b"GET", b"HEAD"):
        allow = [_TEXT, (b"allow", b"GET, HEAD")]
        return Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"Only GET and HEAD read metrics.\n", allow)
    if token is not None and not _has_token(request, token):
        challenge = [_TEXT, (b"www-authenticate", b'Bearer realm="metrics"')]
        body = b"Send the token: Authorization: Bearer BFF_METRICS_TOKEN.\n"
        return Answer(HTTPStatus.UNAUTHORIZED, body, challenge)
    return None


def _has_token(request: Request, token: bytes) -> bool:
    scheme, _, given = (request.header(b"authorization") or b"").partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), token)


async def _read_head(reader: asyncio.StreamReader, most_seconds: float) -> bytes | None:
    """The head; None where no whole head comes in time. Raises `OSError`."""
    with suppress(TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(most_seconds):
            return await reader.readuntil(b"\r\n\r\n")
    return None


def _head_of(answer: Answer) -> bytes:
    headers = [
        *answer.headers,
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    lines = [b"HTTP/1.1 %d %b" % (answer.status, answer.status.phrase.encode())]
    lines += [b"%b: %b" % header for header in headers]
    return b"\r\n".join([*lines, b"", b""])

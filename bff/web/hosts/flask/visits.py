"""One request of a WSGI application behind an ASGI server: its thread, and what passes to the loop.

Rules:
1. The thread waits for the loop at each chunk of the reply and at each piece of the body, so a slow
   client slows the application down.
2. Once the client has left, the thread gets nothing more from the loop and sends nothing more to
   it: what it waits for there ends with `ClientGone`, and so does its next chunk or piece.
3. `left` is set, and looked at, on the loop alone.
"""

import asyncio
import contextvars
import io
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from werkzeug.exceptions import ClientDisconnected, RequestTimeout

from bff.web.hosts.flask.wsgi import Environ
from bff.web.http.requests import REQUEST_BODY, ClientGone, SlowBody

BODY_SECONDS = 15.0
# 32 kbit/s: a thread waits for large uploads over any line that people have, and no client holds
# it by a byte now and then.
_BODY_BYTES_A_SECOND = 4096

_VISIT = "bff.visit"  # key in an environ

_Result = TypeVar("_Result")


class Visit:
    """One request, made on the loop that serves it; `run` is for a thread.

    `body` is the request's, for the loop; None where there is none. It raises `SlowBody` when the
    client takes over `body_seconds`, and a second more for each 4 KiB, and `ClientGone`.
    """

    def __init__(self, scope: Any, send: Any, body_seconds: float) -> None:
        self._scope = scope
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._incoming = scope[REQUEST_BODY]
        self.body: AsyncIterator[bytes] | None = None
        if self._incoming is not None:
            self.body = _in_time(self._incoming.chunks(), body_seconds)
        self._head: dict[str, Any] | None = None  # until it is sent, with the first chunk
        self._head_is_sent = False
        self._waiting: asyncio.Task[Any] | None = None
        self._left = False
        self._stops: list[Callable[[], object]] = []

    def run(self, app: Callable[..., Iterable[bytes]]) -> None:
        """Have the application answer, on this thread. Raises what it raises, and `ClientGone`."""
        self._context.run(self._run, app)

    async def end(self) -> None:
        """Send the rest, once `run` has returned."""
        await self._pass_on({"type": "http.response.body", "body": b""})

    def leave(self) -> None:
        """The client left. Runs on the loop."""
        self._left = True
        if self._waiting is not None:
            self._waiting.cancel()
        for stop in self._stops:
            stop()

    def when_left(self, stop: Callable[[], object]) -> None:
        """Call `stop` when the client leaves, and now where it has left. It may be called twice, on
        any thread."""
        self._stops.append(stop)
        if self._left:
            stop()

    def read(self) -> bytes:
        """The next piece of the body, for the thread; nothing at its end. Raises werkzeug's
        `ClientDisconnected` and `RequestTimeout`."""
        try:
            return self._on_loop(self._read())
        except SlowBody:
            raise RequestTimeout from None
        except ClientGone:
            raise ClientDisconnected from None

    def _run(self, app: Callable[..., Iterable[bytes]]) -> None:
        chunks = app(_environ(self._scope, self), self._start_response)
        try:
            for chunk in chunks:
                self._write(chunk)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        if self._head_is_sent:
            raise exc_info[1] if exc_info else AssertionError("the head is sent already")
        self._head = {
            "type": "http.response.start",
            "status": int(status.partition(" ")[0]),
            "headers": [
                (name.lower().encode("latin-1"), value.strip().encode("latin-1"))
                for name, value in headers
            ],
        }
        return self._write

    def _write(self, chunk: bytes) -> None:
        if chunk:  # PEP 3333: the head goes out with the first chunk that has bytes
            message = {"type": "http.response.body", "body": chunk, "more_body": True}
            self._on_loop(self._pass_on(message))

    def _on_loop(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        try:
            return asyncio.run_coroutine_threadsafe(self._unless_left(work), self._loop).result()
        except CancelledError:
            raise ClientGone from None

    async def _unless_left(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        if self._left:
            work.close()
            raise ClientGone
        self._waiting = asyncio.current_task()
        try:
            return await work
        except SlowBody:
            raise
        except (OSError, ClientGone):
            self.leave()
            raise

    async def _pass_on(self, message: dict[str, Any]) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self._head_is_sent = True
            if self._incoming is not None:
                self._incoming.end_unread()
            await self._send(head)
        await self._send(message)

    async def _read(self) -> bytes:
        return b"" if self.body is None else await anext(self.body, b"")


def visit_in(environ: Environ) -> Visit | None:
    """The visit that an environ belongs to; None under a WSGI server."""
    return environ.get(_VISIT)


async def _in_time(chunks: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """The chunks. Only the time that they are waited for counts."""
    loop = asyncio.get_running_loop()
    while True:
        began_at = loop.time()
        try:
            async with asyncio.timeout(seconds):
                chunk = await anext(chunks, b"")
        except TimeoutError:
            raise SlowBody from None
        if not chunk:
            return
        yield chunk
        seconds += len(chunk) / _BODY_BYTES_A_SECOND - (loop.time() - began_at)


class _Input(io.RawIOBase):
    """A request's body as a file that blocks, for what reads it in the application."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._piece = b""
        self._failure: Exception | None = None  # again at the next read: half a body has no end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._failure is not None:
            raise self._failure
        try:
            piece = self._piece or self._read()
        except Exception as failure:
            self._failure = failure
            raise
        length = min(len(piece), len(buffer))
        buffer[:length] = piece[:length]
        self._piece = piece[length:]
        return length


def _environ(scope: Any, visit: Visit) -> Environ:
    """A scope as PEP 3333 has it: text of bytes, read as latin-1."""
    mount = scope.get("root_path", "").encode().decode("latin-1")
    host, port = scope.get("server") or ("localhost", 80)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": mount,
        "PATH_INFO": scope["path"].encode().decode("latin-1").removeprefix(mount),
        "QUERY_STRING": scope["query_string"].decode("ascii"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BufferedReader(_Input(visit.read)),
        "wsgi.input_terminated": True,  # or werkzeug takes a body without a length for an empty one
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "asgi.scope": scope,
        _VISIT: visit,
    }
    if scope.get("client"):
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = map(str, scope["client"])
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        if key in environ:  # RFC 9110 §5.3; HTTP/2 splits cookies (RFC 9113 §8.2.3)
            text = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + text
        environ[key] = text
    return environ

"""A scripted HTTP/1.1 server on a loopback socket: it records the exact bytes that arrive and
answers with the exact bytes that it was told, well formed or not.

A thread accepts, and each connection has a thread of its own, so that tests may be synchronous or
run any event loop. A *script* is a function of one `Exchange` (one request on one connection);
those in `wire_scripts.py` beside it cover what upstreams do, and a test may write its own:

    with WireServer(reply(body=b'{"id": 1}')) as server:
        ...call server.url + "/users/1"...
    assert server.requests[0].target == "/users/1"

    with WireServer({"/users": never(), "/orders": reply(503)}) as server: ...

Nothing here sleeps: scripts wait for gates (`threading.Event`), for the peer to leave, or for
other requests to arrive. Leaving the context ends every script and closes every connection.
"""

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

WAIT_BUDGET_SECONDS = 10.0  # how long a test waits before it is a failure


@dataclass(slots=True)
class RecordedRequest:
    """One request as it came. `head` ends with the empty line; `wire_body` holds the framing."""

    head: bytes
    connection: int  # which connection, from 0, in the order of acceptance
    wire_body: bytes = b""
    body: bytes = b""

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        """The request target, byte for byte."""
        return self.line.split(" ")[1]

    @property
    def path(self) -> str:
        return self.target.split("?")[0]

    @property
    def raw_headers(self) -> list[tuple[str, str]]:
        """Names as they were spelled, in order, with duplicates."""
        lines = self.head.decode("latin-1").split("\r\n")[1:-2]
        return [(name, value.strip(" ")) for name, _, value in (x.partition(":") for x in lines)]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The same with names in lower case."""
        return [(name.lower(), value) for name, value in self.raw_headers]

    def header(self, name: str) -> str | None:
        """The first value of the header, or None."""
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass(slots=True)
class Exchange:
    """One request and the means to answer it."""

    server: "WireServer"
    request: RecordedRequest
    socket: socket.socket
    left_over: bytearray  # bytes received beyond the head
    _body_read: bool = field(default=False)

    def send(self, data: bytes) -> None:
        """Send these bytes as they are."""
        self.socket.sendall(data)

    def receive(self) -> bytes:
        """Whatever bytes come next; empty when the peer has left."""
        if self.left_over:
            data = bytes(self.left_over)
            self.left_over.clear()
            return data
        return self.socket.recv(65536)

    def read_body(self) -> bytes:
        """Read the request's body to its end, and record it."""
        if not self._body_read:
            self._body_read = True
            length = int(self.request.header("content-length") or 0)
            if "chunked" in (self.request.header("transfer-encoding") or ""):
                self._read_chunks()
            else:
                self.request.wire_body = self.request.body = self._take(length)
        return self.request.body

    def hold(self, gate: threading.Event) -> None:
        """Wait until the test opens the gate (or the server stops)."""
        while not gate.wait(0.02) and not self.server.stopping.is_set():
            pass

    def wait_until_peer_leaves(self) -> None:
        """Read and drop until the peer closes; `server.peers_left` is counted when it does."""
        with suppress(OSError):
            while self.socket.recv(65536):
                pass
        self.server.note_peer_left()
        raise ConnectionAbortedError

    def close(self) -> None:
        """Close the connection in good order."""
        self.socket.close()

    def reset(self) -> None:
        """Close the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _take(self, length: int) -> bytes:
        while len(self.left_over) < length:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionAbortedError
            self.left_over += data
        taken = bytes(self.left_over[:length])
        del self.left_over[:length]
        return taken

    def _read_chunks(self) -> None:
        wire, body = bytearray(), bytearray()
        while True:
            line = bytearray()
            while not line.endswith(b"\r\n"):
                line += self._take(1)
            size = int(line.split(b";")[0], 16)
            data = self._take(size + 2)
            wire += line + data
            body += data[:-2]
            if size == 0:
                break
        self.request.wire_body, self.request.body = bytes(wire), bytes(body)


Script = Callable[[Exchange], None]


class WireServer:
    """Serves until its context is left. `script` is one for every request, or one per path (the
    target without its query; others get 404). One that is not `listening` refuses connections
    until it is told to `listen`."""

    def __init__(self, script: Script | Mapping[str, Script], *, listening: bool = True) -> None:
        self.script = script
        self.requests: list[RecordedRequest] = []
        self.accepted = 0
        self.peers_left = 0
        self.sent_bytes = 0  # by `flood`
        self.stopping = threading.Event()
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._listening = listening

    def __enter__(self) -> Self:
        if self._listening:
            self.listen()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end_connections()
        for thread in self._threads:
            thread.join(WAIT_BUDGET_SECONDS)

    def listen(self) -> None:
        """Accept connections from now on."""
        self._listener.listen(1024)
        self._start(self._accept)

    def end_connections(self) -> None:
        """Close every connection in good order."""
        with self._changed:
            open_sockets = list(self._open)
        for connection in open_sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def wait_until(
        self,
        condition: Callable[["WireServer"], bool],
        patience_seconds: float = WAIT_BUDGET_SECONDS,
    ) -> None:
        """Block until the condition holds for this server; from a coroutine, call it with
        `asyncio.to_thread`. It is looked at whenever a request, a connection or its end comes."""
        with self._changed:
            held = self._changed.wait_for(
                lambda: condition(self) or self.stopping.is_set(), patience_seconds
            )
        assert held, "the server did not see what the test waits for"

    def wait_for_requests(self, count: int) -> None:
        """Block until so many requests have arrived (their heads, at least)."""
        self.wait_until(lambda server: len(server.requests) >= count)

    def note_peer_left(self) -> None:
        """Count a peer that closed its end while it was being answered."""
        with self._changed:
            self.peers_left += 1
            self._changed.notify_all()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self.stopping.is_set():
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._changed:
                    self._open.add(connection)
                    number = self.accepted
                    self.accepted += 1
                    self._changed.notify_all()
                self._start(self._serve, connection, number)

    def _serve(self, connection: socket.socket, number: int) -> None:
        received = bytearray()
        with suppress(OSError):
            while not self.stopping.is_set():
                while (end := received.find(b"\r\n\r\n")) < 0:
                    data = connection.recv(65536)
                    if not data:
                        raise ConnectionAbortedError
                    received += data
                request = RecordedRequest(bytes(received[: end + 4]), number)
                del received[: end + 4]
                with self._changed:
                    self.requests.append(request)
                    self._changed.notify_all()
                self._script_for(request)(Exchange(self, request, connection, received))
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()
        connection.close()

    def _script_for(self, request: RecordedRequest) -> Script:
        if callable(self.script):
            return self.script
        return self.script.get(request.path, _not_found)


def _not_found(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

"""What scripted upstreams do (`tests.support.upstream.wire`): each function here gives a script.

Also two addresses where nobody answers: `refusing_url` and `unreachable_url`.
"""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.support.upstream.wire import Exchange, Script

Pairs = Sequence[tuple[str, str]]


def head(status: int, headers: Pairs = (), *, reason: str = "Whatever") -> bytes:
    """A reply's head as bytes; nothing is added to the headers given."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def reply(status: int = 200, headers: Pairs = (), body: bytes = b"") -> Script:
    """A whole reply with `Content-Length`; the connection stays open."""
    return raw(head(status, [*headers, ("Content-Length", str(len(body)))]) + body)


def json_reply(text: str | bytes, status: int = 200) -> Script:
    """A whole reply of this JSON text."""
    body = text.encode() if isinstance(text, str) else text
    return reply(status, [("Content-Type", "application/json")], body)


def raw(data: bytes) -> Script:
    """Exactly these bytes; the connection stays open for the next request."""

    def script(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(data)

    return script


def chunked(parts: Sequence[bytes], status: int = 200, headers: Pairs = ()) -> Script:
    """A whole chunked reply, a chunk for each part."""
    framed = b"".join(chunk(part) for part in [*parts, b""])
    return raw(head(status, [*headers, ("Transfer-Encoding", "chunked")]) + framed)


def chunk(data: bytes) -> bytes:
    """One chunk with its framing; of nothing, it is the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def then_close(data: bytes) -> Script:
    """These bytes, then the connection is closed in good order."""

    def script(exchange: Exchange) -> None:
        raw(data)(exchange)
        exchange.close()

    return script


def then_reset(data: bytes) -> Script:
    """These bytes, then RST; Linux lets the peer read what came before it."""

    def script(exchange: Exchange) -> None:
        raw(data)(exchange)
        exchange.reset()

    return script


def never() -> Script:
    """Take the request and answer nothing until the peer leaves."""

    def script(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.wait_until_peer_leaves()

    return script


def stall_after(data: bytes) -> Script:
    """These bytes, then nothing until the peer leaves."""

    def script(exchange: Exchange) -> None:
        raw(data)(exchange)
        exchange.wait_until_peer_leaves()

    return script


def drip(start: bytes, rest: bytes, every_seconds: float = 1.0) -> Script:
    """`start` at once, then `rest` a byte at a time."""

    def script(exchange: Exchange) -> None:
        raw(start)(exchange)
        try:
            for index in range(len(rest)):
                if exchange.server.stopping.wait(every_seconds):
                    return
                exchange.send(rest[index : index + 1])
        except OSError:
            exchange.server.note_peer_left()
            raise

    return script


def flood(start: bytes, total_bytes: int, piece: bytes = b"x" * 65536) -> Script:
    """`start`, then `piece` again and again until so many bytes are out or the peer leaves;
    `server.sent_bytes` counts what the kernel took."""

    def script(exchange: Exchange) -> None:
        raw(start)(exchange)
        try:
            while exchange.server.sent_bytes < total_bytes:
                exchange.send(piece)
                exchange.server.sent_bytes += len(piece)
        except OSError:
            exchange.server.note_peer_left()
            raise

    return script


def held(gate: threading.Event, script: Script) -> Script:
    """The script, once the test opens the gate."""

    def wait_and_run(exchange: Exchange) -> None:
        exchange.hold(gate)
        script(exchange)

    return wait_and_run


def when_arrived(count: int, script: Script) -> Script:
    """The script, once so many requests have arrived at the server in all."""

    def wait_and_run(exchange: Exchange) -> None:
        exchange.server.wait_for_requests(count)
        script(exchange)

    return wait_and_run


def in_turn(*scripts: Script) -> Script:
    """The first script for the first request that arrives, and so on; the last one for the rest."""
    turns = iter(scripts)
    lock = threading.Lock()
    last = scripts[-1]

    def script(exchange: Exchange) -> None:
        with lock:
            turn = next(turns, last)
        turn(exchange)

    return script


@contextmanager
def refusing_url() -> Iterator[str]:
    """A URL at which connections are refused, for as long as the context lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def unreachable_url() -> Iterator[str]:
    """A URL at which connecting hangs: a listener whose queue is full (Linux drops the SYN)."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for filler in fillers:
                filler.close()

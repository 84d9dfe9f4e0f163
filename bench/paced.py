"""Load at a set rate, from an open loop: no reply moves the time at which a request is due.

1. Due times are fixed before the load begins. They are random, as those of clients are that know
   nothing of each other (a Poisson process), and the same for each load of one rate and duration.
2. A request goes out once it is due and a connection is free. Its latency counts from when it was
   due, so that it holds the wait behind slow replies ("coordinated omission", which wrk's own
   figures have).
3. Each reply is compared as a whole with one that was checked by the row's expectation.

One thread over select(2), whose timeouts have microseconds where epoll's and asyncio's have
milliseconds. It takes 20 µs of CPU a request, and runs in a process of its own.
"""

import gc
import socket
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from random import Random
from select import select
from urllib.parse import urlsplit

import httpx
from httptools import HttpParserError, HttpResponseParser

from bench.exchange import Expectation, Request, WrongValue

_CONNECTIONS = 32  # as many as the load at full speed has
_REPLY_SECONDS = 10.0
_PIECE_BYTES = 1 << 18
_SEED = 9


@dataclass(frozen=True, slots=True)
class PacedFigures:
    """Latencies of one load, each from when its request was due."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float


def open_pacer() -> ProcessPoolExecutor:
    """A process for `put_paced_load`, on the cores of this one."""
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))


def put_paced_load(
    url: str, rate: float, seconds: float, expectation: Expectation, request: Request
) -> PacedFigures:
    """Load `url` with so many requests a second for so long.

    Raises `WrongValue` when a reply is not what it should be, or does not come.
    """
    gc.disable()  # nothing here makes cycles, and a collection would be in the latencies
    lines: list[_Line] = []
    try:
        etag = ""
        if request.is_conditional:
            reply = _ask_once(url, request)
            expectation.check(reply)
            etag = reply.headers.get("etag", "")
        reply = _ask_once(url, request, etag)
        if etag:
            expectation.check_not_modified(reply, etag)
        else:
            expectation.check(reply)
        for _ in range(_CONNECTIONS):
            lines.append(_Line(url, request, etag))
        expected = reply.status_code, reply.extensions["raw_body"]
        latencies = _load(lines, due_times(rate, seconds), expected)
    except (OSError, HttpParserError) as error:
        raise WrongValue(f"{url}: {error!r}") from error
    finally:
        for line in lines:
            line.socket.close()
    return PacedFigures(rate, percentile_ms(latencies, 0.5), percentile_ms(latencies, 0.99))


def due_times(rate: float, seconds: float) -> list[float]:
    """When each request is due, in seconds from the beginning: at least one."""
    random = Random(_SEED)
    times = [random.expovariate(rate)]
    while times[-1] < seconds:
        times.append(times[-1] + random.expovariate(rate))
    return times[:-1] or [0.0]


def percentile_ms(latencies: Sequence[float], share: float) -> float:
    """The least latency, in milliseconds, that this share of all stays within."""
    ordered = sorted(latencies)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000


class _Line:
    """A connection, which has one request at a time."""

    def __init__(self, url: str, request: Request, etag: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._message = _render(parts.path, parts.netloc, request, etag)
        self._parser = HttpResponseParser(self)
        self._body: list[bytes] = []
        self._is_whole = False
        self.due = 0.0
        self.socket = socket.create_connection((parts.hostname, parts.port), _REPLY_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, due: float) -> None:
        """Send the request."""
        self.due = due
        self._body = []
        self._is_whole = False
        self.socket.sendall(self._message)

    def read(self) -> tuple[int, bytes] | None:
        """Read what is there. The reply's status and body, undecoded, once it is whole."""
        data = self.socket.recv(_PIECE_BYTES)
        if not data:
            raise ConnectionError("the connection was closed before its reply was whole")
        self._parser.feed_data(data)
        if not self._is_whole:
            return None
        return self._parser.get_status_code(), b"".join(self._body)

    def on_body(self, piece: bytes) -> None:
        self._body.append(piece)

    def on_message_complete(self) -> None:
        self._is_whole = True


class _LineWithHeaders(_Line):
    """A connection that keeps the headers of what it is answered."""

    def __init__(self, url: str, request: Request, etag: str) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        super().__init__(url, request, etag)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))


def _ask_once(url: str, request: Request, etag: str = "") -> httpx.Response:
    """The reply to one request on a connection of its own, with its body as it came."""
    line = _LineWithHeaders(url, request, etag)
    with line.socket:
        line.ask(0.0)
        while (reply := line.read()) is None:
            pass
    status, body = reply
    return httpx.Response(
        status,
        headers=line.headers,
        content=body,
        request=httpx.Request("GET", url),
        extensions={"raw_body": body},
    )


def _render(path: str, host: str, request: Request, etag: str) -> bytes:
    body = request.body
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers(etag).items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def _load(lines: Sequence[_Line], due: Sequence[float], expected: tuple[int, bytes]) -> list[float]:
    """The latencies, in the order in which replies came."""
    free, busy = deque(lines), dict[socket.socket, _Line]()
    latencies: list[float] = []
    sent = 0
    begun_at = time.perf_counter()
    gives_up_at = due[-1] + _REPLY_SECONDS
    while len(latencies) < len(due):
        now = time.perf_counter() - begun_at
        while free and sent < len(due) and due[sent] <= now:
            line = free.popleft()
            line.ask(due[sent])
            busy[line.socket] = line
            sent += 1
        next_at = due[sent] if free and sent < len(due) else gives_up_at
        waits = next_at - (time.perf_counter() - begun_at)
        if now > gives_up_at:
            raise WrongValue(f"{len(due) - len(latencies)} of {len(due)} replies did not come")
        for each in select(busy, (), (), max(0.0, waits))[0]:
            line = busy[each]
            reply = line.read()
            if reply is None:
                continue
            latencies.append(time.perf_counter() - begun_at - line.due)
            if reply != expected:
                raise WrongValue(f"one of {sent} replies at a set rate differs: {reply[1][:200]!r}")
            free.append(busy.pop(each))
    return latencies

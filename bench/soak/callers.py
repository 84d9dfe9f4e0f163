"""What callers do, and what must come back. Each kind is a function of one caller.

Values are checked: an item has its own id and name, and its version is no older than what the last
write answered a moment ago, whatever is cached where. A kind raises `Wrong`, or what its line does.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.soak.line import Broken, Line, Reply
from bench.soak.upstream import FAULTS, PIECE, SOUND
from tests.integration.raw_requests import bodies, heads
from tests.integration.raw_requests.rows import LAST

TOKEN = "soak-soak-soak-soak"
_IDS = 60  # few, so that what is kept of each is soon there
_PURGED_SECONDS = 1.5  # after a write, nobody reads what was before; a busy machine takes its time
_LARGE_BYTES = 300_000
_ROWS = [*heads.ROWS, *bodies.ROWS]


class Wrong(Exception):
    """A reply that is not what it must be."""


@dataclass(slots=True)
class Written:
    """What writes have answered: by id the versions with their times, oldest first."""

    versions: dict[int, list[tuple[float, int]]] = field(default_factory=dict)

    def note(self, key: int, version: int) -> None:
        """A write has answered this version now."""
        self.versions.setdefault(key, []).append((time.monotonic(), version))
        del self.versions[key][:-50]

    def least(self, key: int, asked_at: float) -> int:
        """The oldest version that a request which was sent then may get."""
        due = [
            version for at, version in self.versions.get(key, ()) if at + _PURGED_SECONDS < asked_at
        ]
        return max(due, default=0)


@dataclass(slots=True)
class Caller:
    """One caller, with a connection of its own."""

    port: int
    random: Random
    written: Written
    line: Line

    def key(self) -> int:
        """Any item's id."""
        return self.random.randrange(_IDS)

    def check_item(self, value: Any, key: int, asked_at: float) -> None:
        """Raises `Wrong` where this is not the item, or an older one than was written."""
        if not isinstance(value, dict) or set(value) != {"id", "name", "version"}:
            raise Wrong(f"no item: {value!r}")
        if (value["id"], value["name"]) != (key, f"item-{key}"):
            raise Wrong(f"another item than {key}: {value!r}")
        if value["version"] < self.written.least(key, asked_at):
            raise Wrong(f"an item from before a write: {value!r}")


async def screen(caller: Caller) -> None:
    """An uncached composition of four calls."""
    key, now = caller.key(), time.monotonic()
    value = _payload(await caller.line.ask("GET", f"/screens/{key}"))
    for item in (value["one"], value["two"], *value["more"]):
        caller.check_item(item, key, now)
    if len(value["more"]) != 2:
        raise Wrong("an element is missing")


async def cached(caller: Caller) -> None:
    """A cached one, and again with its ETag."""
    key, now = caller.key(), time.monotonic()
    reply = await caller.line.ask("GET", f"/cached/{key}")
    caller.check_item(_payload(reply), key, now)
    tag = reply.headers["etag"]
    again = await caller.line.ask("GET", f"/cached/{key}", [("If-None-Match", tag)])
    if again.status == 200:  # it was renewed meanwhile
        caller.check_item(_payload(again), key, now)
    elif again.status != 304 or again.headers["etag"] != tag:
        raise _wrong(again, "where 304 is due")


async def write(caller: Caller) -> None:
    """A write, which purges what was cached. It may not be sent twice."""
    key = caller.key()
    value = _payload(await caller.line.ask("PUT", f"/cached/{key}"))["item"]
    caller.check_item(value, key, time.monotonic())
    caller.written.note(key, value["version"])


async def purge(caller: Caller) -> None:
    """A purge by HTTP; 503 while Redis is away."""
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Content-Type", "application/json")]
    body = json.dumps({"tags": [f"item:{caller.key()}"]}).encode()
    reply = await caller.line.ask("POST", "/admin/purge", headers, body)
    if reply.status not in (200, 503):
        raise _wrong(reply, "for a purge")


async def optional(caller: Caller) -> None:
    """A step that may fail: its null, and the other one."""
    key, now, fault = caller.key(), time.monotonic(), caller.random.choice(list(FAULTS))
    value = _payload(await caller.line.ask("GET", f"/optional/{fault}/{key}"))
    caller.check_item(value["item"], key, now)
    if fault in SOUND:
        caller.check_item(value["odd"], key, now)
    elif value["odd"] is not None:
        raise Wrong(f"a value in spite of {fault}: {value!r}")


async def required(caller: Caller) -> None:
    """A step that must not fail: its status."""
    key, now, fault = caller.key(), time.monotonic(), caller.random.choice(list(FAULTS))
    reply = await caller.line.ask("GET", f"/required/{fault}/{key}")
    if fault in SOUND:
        caller.check_item(_payload(reply)["odd"], key, now)
    elif reply.status != (504 if fault == "hang" else 502):
        raise _wrong(reply, f"for {fault}")


async def absent(caller: Caller) -> None:
    """A service that refuses connections, as a step and as a route."""
    key, now = caller.key(), time.monotonic()
    value = _payload(await caller.line.ask("GET", f"/absent/{key}"))
    caller.check_item(value["item"], key, now)
    if value["gone"] is not None:
        raise Wrong("a value from a service that is gone")
    if (reply := await caller.line.ask("GET", "/gone/x")).status != 502:
        raise _wrong(reply, "for a service that is gone")


async def download(caller: Caller) -> None:
    """A body through a route, with a length or in chunks."""
    count = caller.random.choice([0, 1, 1000, 65_536, 65_537, _LARGE_BYTES])
    query = caller.random.choice(["", "?chunked"])
    reply = await caller.line.ask("GET", f"/raw/bytes/{count}{query}")
    if reply.status != 200 or reply.body != _pattern(count):
        raise _wrong(reply, f"for {count} bytes")


async def broken_download(caller: Caller) -> None:
    """A body that its service breaks off: never a whole one."""
    query = caller.random.choice(["break", "break,chunked"])
    try:
        reply = await caller.line.ask("GET", f"/raw/bytes/{_LARGE_BYTES}?{query}")
    except Broken:
        return
    if reply.status != 502:
        raise _wrong(reply, "for half a body")


async def upload(caller: Caller) -> None:
    """A body through a route, with a length or in chunks of odd sizes."""
    body = caller.random.randbytes(caller.random.choice([0, 1, 1000, 65_537, _LARGE_BYTES]))
    if caller.random.random() < 0.5:
        reply = await caller.line.ask("POST", "/raw/digest", [], body)
    else:
        size = caller.random.randrange(500, 50_000)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"
        await caller.line.send(_head(b"POST /raw/digest", b"Transfer-Encoding: chunked") + chunks)
        reply = await caller.line.read()
    if _payload(reply) != {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}:
        raise _wrong(reply, f"for {len(body)} bytes")


async def pipeline(caller: Caller) -> None:
    """Several requests at once, answered in order."""
    keys, now = [caller.key() for _ in range(8)], time.monotonic()
    paths = [b"/%b/%d" % (caller.random.choice([b"cached", b"raw/items"]), key) for key in keys]
    await caller.line.send(b"".join(_head(b"GET " + path) for path in paths))
    for key in keys:
        caller.check_item(_payload(await caller.line.read()), key, now)
        if not caller.line.is_open:  # a worker that ends answers one, and no more
            break


async def malformed(caller: Caller) -> None:
    """A row of the table of raw requests."""
    row = caller.random.choice(_ROWS)
    line = Line(caller.port)
    await line.send(row.sent + LAST)
    received = await line.read_to_end()
    if b"HTTP/1.1 500" in received or not received.startswith(b"HTTP/1.1 "):
        raise Wrong(f"for {row.name}: {received[:200]!r}")
    if received.count(b"HTTP/1.1 ") < len(row.statuses):
        raise Wrong(f"too few replies for {row.name}: {received[:200]!r}")


async def slow(caller: Caller) -> None:
    """A client that sends and reads piece by piece, fast enough."""
    key, now = caller.key(), time.monotonic()
    data = _head(b"GET /raw/items/%d" % key)
    for at in range(0, len(data), 7):
        await caller.line.send(data[at : at + 7])
        await asyncio.sleep(0.02)
    caller.check_item(_payload(await caller.line.read()), key, now)
    line = Line(caller.port)
    await line.send(_head(b"GET /raw/bytes/%d" % _LARGE_BYTES, b"Connection: close"))
    received = b""
    while piece := await line.read_some(20_000):
        received += piece
        await asyncio.sleep(0.03)
    line.close()
    if not received.endswith(_pattern(_LARGE_BYTES)):
        raise Wrong("a slow reader got another body")


async def cut(caller: Caller) -> None:
    """A client that leaves: in its head, in its body, before its reply, within it."""
    line = Line(caller.port)
    hang = _head(b"GET /required/hang/%d" % caller.key())
    large = _head(b"GET /raw/bytes/%d" % (_LARGE_BYTES * 10))
    half = _head(b"POST /raw/digest", b"Content-Length: 100000") + bytes(1000)
    chunk = _head(b"POST /raw/digest", b"Transfer-Encoding: chunked") + b"5\r\nhel"
    data = caller.random.choice([hang[:20], hang, large, half, chunk])
    await line.send(data)
    await asyncio.sleep(caller.random.choice([0, 0.01, 0.1]))
    if data is large:
        await line.read_some(1000)
    if caller.random.random() < 0.5:
        line.reset()
    else:
        line.close()


async def missing(caller: Caller) -> None:
    """What is not there, and the health of the gateway."""
    for path, status in (("/nothing/here", 404), ("/healthz", 200), ("/screens/none", 400)):
        if (reply := await caller.line.ask("GET", path)).status != status:
            raise _wrong(reply, f"for {path}")


Kind = Callable[[Caller], Awaitable[None]]
KINDS: dict[Kind, int] = {  # with their weights
    screen: 20,
    cached: 20,
    write: 4,
    purge: 1,
    optional: 8,
    required: 8,
    absent: 2,
    download: 8,
    broken_download: 2,
    upload: 8,
    pipeline: 4,
    malformed: 8,
    slow: 2,
    cut: 8,
    missing: 2,
}


def _payload(reply: Reply) -> Any:
    if reply.status != 200:
        raise _wrong(reply, "where 200 is due")
    try:
        return json.loads(reply.body)
    except ValueError:
        raise _wrong(reply, "without JSON") from None


def _wrong(reply: Reply, what: str) -> Wrong:
    return Wrong(
        f"{reply.status} {what}: {reply.headers.get('proxy-status', '')} {reply.body[:200]!r}"
    )


def _head(line: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join([line + b" HTTP/1.1", b"Host: soak", *lines, b"", b""])


def _pattern(count: int) -> bytes:
    return (PIECE * (count // len(PIECE) + 1))[:count]

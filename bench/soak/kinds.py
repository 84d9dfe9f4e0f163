"""What callers do, and what must come back: each kind is a function of one caller. It raises
`Wrong`, or what its line does."""

import asyncio
import base64
import gzip
import hashlib
import json
import time
from collections.abc import Awaitable, Callable

from bench.soak.callers import TOKEN, Caller, Wrong, head_of, pattern, payload_of, wrong
from bench.soak.line import Broken, Line
from bench.soak.upstream import FAULTS, SOUND
from tests.integration.raw_requests import bodies, heads
from tests.integration.raw_requests.rows import LAST

_LARGE_BYTES = 300_000
_ROWS = [*heads.ROWS, *bodies.ROWS]


async def screen(caller: Caller) -> None:
    """An uncached composition of four calls."""
    key, now = caller.key(), time.monotonic()
    value = payload_of(await caller.line.ask("GET", f"/screens/{key}"))
    for item in (value["one"], value["two"], *value["more"]):
        caller.check_item(item, key, now)
    if len(value["more"]) != 2:
        raise Wrong("an element is missing")


async def cached(caller: Caller) -> None:
    """A cached one, and again with its ETag."""
    key, now = caller.key(), time.monotonic()
    reply = await caller.line.ask("GET", f"/cached/{key}")
    caller.check_item(payload_of(reply), key, now)
    tag = reply.headers["etag"]
    again = await caller.line.ask("GET", f"/cached/{key}", [("If-None-Match", tag)])
    if again.status == 200:  # it was renewed meanwhile
        caller.check_item(payload_of(again), key, now)
    elif again.status != 304 or again.headers["etag"] != tag:
        raise wrong(again, "where 304 is due")


async def compressed(caller: Caller) -> None:
    """A cached one in gzip, for an HTTP/1.0 client too."""
    key, now = caller.key(), time.monotonic()
    reply = await caller.line.ask("GET", f"/cached/{key}", [("Accept-Encoding", "gzip")])
    if reply.headers.get("content-encoding") == "gzip":
        reply = reply._replace(body=gzip.decompress(reply.body))
    caller.check_item(payload_of(reply), key, now)
    line = Line(caller.port)
    await line.send(b"GET /cached/%d HTTP/1.0\r\n\r\n" % key)
    caller.check_item(payload_of(await line.read()), key, now)


async def write(caller: Caller) -> None:
    """A write, which purges what was cached. It may not be sent twice."""
    key = caller.key()
    value = payload_of(await caller.line.ask("PUT", f"/cached/{key}"))["item"]
    caller.check_item(value, key, time.monotonic())
    caller.written.note(key, value["version"])


async def purge(caller: Caller) -> None:
    """A purge by HTTP; 503 while Redis is away."""
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Content-Type", "application/json")]
    body = json.dumps({"tags": [f"item:{caller.key()}"]}).encode()
    reply = await caller.line.ask("POST", "/admin/purge", headers, body)
    if reply.status not in (200, 503):
        raise wrong(reply, "for a purge")


async def optional(caller: Caller) -> None:
    """A step that may fail: its null, and the other one."""
    key, now, fault = caller.key(), time.monotonic(), caller.random.choice(list(FAULTS))
    value = payload_of(await caller.line.ask("GET", f"/optional/{fault}/{key}"))
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
        caller.check_item(payload_of(reply)["odd"], key, now)
    elif reply.status != (504 if fault == "hang" else 502):
        raise wrong(reply, f"for {fault}")


async def absent(caller: Caller) -> None:
    """A service that refuses connections, as a step and as a route."""
    key, now = caller.key(), time.monotonic()
    value = payload_of(await caller.line.ask("GET", f"/absent/{key}"))
    caller.check_item(value["item"], key, now)
    if value["gone"] is not None:
        raise Wrong("a value from a service that is gone")
    if (reply := await caller.line.ask("GET", "/gone/x")).status != 502:
        raise wrong(reply, "for a service that is gone")


async def download(caller: Caller) -> None:
    """A body through a route, with a length or in chunks."""
    count = caller.random.choice([0, 1, 1000, 65_536, 65_537, _LARGE_BYTES])
    query = caller.random.choice(["", "?chunked"])
    reply = await caller.line.ask("GET", f"/raw/bytes/{count}{query}")
    if reply.status != 200 or reply.body != pattern(count):
        raise wrong(reply, f"for {count} bytes")


async def broken_download(caller: Caller) -> None:
    """A body that its service breaks off: never a whole one."""
    query = caller.random.choice(["break", "break,chunked"])
    try:
        reply = await caller.line.ask("GET", f"/raw/bytes/{_LARGE_BYTES}?{query}")
    except Broken:
        return
    if reply.status != 502:
        raise wrong(reply, "for half a body")


async def upload(caller: Caller) -> None:
    """A body through a route, with a length or in chunks of odd sizes."""
    body = caller.random.randbytes(caller.random.choice([0, 1, 1000, 65_537, _LARGE_BYTES]))
    if caller.random.random() < 0.5:
        reply = await caller.line.ask("POST", "/raw/digest", [], body)
    else:
        size = caller.random.randrange(500, 50_000)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"
        await caller.line.send(head_of(b"POST /raw/digest", b"Transfer-Encoding: chunked") + chunks)
        reply = await caller.line.read()
    if payload_of(reply) != {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}:
        raise wrong(reply, f"for {len(body)} bytes")


async def pipeline(caller: Caller) -> None:
    """Several requests at once, answered in order."""
    keys, now = [caller.key() for _ in range(8)], time.monotonic()
    paths = [b"/%b/%d" % (caller.random.choice([b"cached", b"raw/items"]), key) for key in keys]
    await caller.line.send(b"".join(head_of(b"GET " + path) for path in paths))
    for key in keys:
        caller.check_item(payload_of(await caller.line.read()), key, now)
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
    data = head_of(b"GET /raw/items/%d" % key)
    for at in range(0, len(data), 7):
        await caller.line.send(data[at : at + 7])
        await asyncio.sleep(0.02)
    caller.check_item(payload_of(await caller.line.read()), key, now)
    line = Line(caller.port)
    await line.send(head_of(b"GET /raw/bytes/%d" % _LARGE_BYTES, b"Connection: close"))
    received = b""
    while piece := await line.read_some(20_000):
        received += piece
        await asyncio.sleep(0.03)
    line.close()
    if not received.endswith(pattern(_LARGE_BYTES)):
        raise Wrong("a slow reader got another body")


async def cut(caller: Caller) -> None:
    """A client that leaves: in its head, in its body, before its reply, within it."""
    line = Line(caller.port)
    hang = head_of(b"GET /required/hang/%d" % caller.key())
    large = head_of(b"GET /raw/bytes/%d" % (_LARGE_BYTES * 10))
    half = head_of(b"POST /raw/digest", b"Content-Length: 100000") + bytes(1000)
    chunk = head_of(b"POST /raw/digest", b"Transfer-Encoding: chunked") + b"5\r\nhel"
    data = caller.random.choice([hang[:20], hang, large, half, chunk])
    await line.send(data)
    await asyncio.sleep(caller.random.choice([0, 0.01, 0.1]))
    if data is large:
        await line.read_some(1000)
    if caller.random.random() < 0.5:
        line.reset()
    else:
        line.close()


async def websocket(caller: Caller) -> None:
    """A tunnel that echoes, which either side ends, or nobody until the gateway does."""
    line = Line(caller.port)
    key = base64.b64encode(caller.random.randbytes(16))
    fields = (b"Origin: https://soak.example", b"Connection: Upgrade", b"Upgrade: websocket")
    version = (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + key)
    await line.send(head_of(b"GET /live/echo", *fields, *version))
    if b" 101 " not in (head := await line.read_head())[:16]:
        raise Wrong(f"no WebSocket: {head[:200]!r}")
    for _ in range(3):
        sent = caller.random.randbytes(caller.random.choice([1, 1000, 100_000]))
        try:
            await line.send(sent)
            received = await line.read_exactly(len(sent))
        except Broken:  # a worker that ends closes its tunnels
            return
        if received != sent:
            raise Wrong("a tunnel gave back other bytes")
    if caller.random.random() < 0.3:
        line.reset()
    else:
        line.close()


async def missing(caller: Caller) -> None:
    """What is not there, and the health of the gateway."""
    for path, status in (("/nothing/here", 404), ("/healthz", 200), ("/screens/none", 400)):
        if (reply := await caller.line.ask("GET", path)).status != status:
            raise wrong(reply, f"for {path}")


Kind = Callable[[Caller], Awaitable[None]]
KINDS: dict[Kind, int] = {  # with their weights
    screen: 20,
    cached: 20,
    compressed: 5,
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
    websocket: 4,
    missing: 2,
}

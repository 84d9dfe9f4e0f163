"""A table of raw requests: what our own server answers, and what a service may see of them."""

import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from bff.header_names import FORWARDED, TRACE
from tests.integration.raw_requests import bodies, heads
from tests.integration.raw_requests.rows import LAST, Row
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host, serving
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import RecordedRequest, WireServer
from tests.support.upstream.wire_scripts import reply

ROWS = [*heads.ROWS, *bodies.ROWS]

OURS = {"host", "x-forwarded-for", "x-forwarded-prefix", "x-forwarded-proto", "via"} | (
    TRACE - {"tracestate"}
)
FRAMING = {"content-length", "transfer-encoding", "connection"}
SENT = FORWARDED | TRACE | OURS | FRAMING | {"x-forwarded-host"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[WireServer]:
    with WireServer(reply(200, [], b"ok")) as server:
        yield server


@pytest.fixture(scope="module")
def host(upstream: WireServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
    gateway = "routes: {/raw: {service: shop, strip: true}}\n"
    folder = write_project(tmp_path_factory.mktemp("shop"), {}, services=services, gateway=gateway)
    with serving("http1", folder) as host:
        yield host


def statuses_of(received: bytes) -> list[int]:
    """The statuses of whole replies, each with a length and no body beyond it."""
    statuses = []
    while received:
        head, end, rest = received.partition(b"\r\n\r\n")
        assert end, "half a head"
        line, *headers = head.lower().split(b"\r\n")
        status = int(line.split()[1])
        length = int(dict(each.split(b": ", 1) for each in headers).get(b"content-length", b"0"))
        assert len(rest) >= length, "half a body"
        received = rest[length:]
        if status != 100:
            statuses.append(status)
    return statuses


def send(host: Host, data: bytes) -> list[int]:
    """Send these bytes; the statuses of what comes until the server closes."""
    with socket.create_connection(("127.0.0.1", host.port), WAIT_BUDGET_SECONDS) as connection:
        connection.sendall(data)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    return statuses_of(received)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_request_is_answered_and_forwarded_as_the_table_has_it(
    host: Host, upstream: WireServer, row: Row
) -> None:
    before = len(upstream.requests)
    statuses = send(host, row.sent + LAST)
    allowed = [*row.statuses, (200,)] if row.goes_on else list(row.statuses)
    assert len(statuses) == len(allowed), statuses
    assert all(got in each for got, each in zip(statuses, allowed, strict=True)), statuses
    seen = [(each.method, each.target, each.body) for each in upstream.requests[before:]]
    last = [("GET", "/last", b"")] if row.goes_on else []
    assert seen == [*row.seen, *last]
    for each in upstream.requests[before:]:
        assert_headers_read_in_one_way(each)


def assert_headers_read_in_one_way(request: RecordedRequest) -> None:
    """What goes on is framed once, and holds what the gateway sets, as it sets it."""
    names = Counter(name for name, _ in request.headers)
    assert names.keys() <= SENT
    assert all(names[name] == 1 for name in OURS)
    assert names["content-length"] + names["transfer-encoding"] <= 1
    assert names["connection"] <= 1
    assert "evil" not in str(request.headers)
    assert "1.2.3.4" not in str(request.headers)


def test_table_is_as_long_as_it_was_meant_to_be() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 300
    assert all(
        status < 500 or status in (501, 505)
        for row in ROWS
        for each in row.statuses
        for status in each
    )

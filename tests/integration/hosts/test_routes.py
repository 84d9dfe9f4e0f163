"""Raw routes through both hosts: what passes, what breaks, and how that is told."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway.hosts import HOSTS, Host, serving
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import (
    chunk,
    head,
    held,
    never,
    raw,
    refusing_url,
    reply,
    stall_after,
    then_close,
    then_reset,
)

PAGE = "https://shop.example"

GATEWAY = f"""
cors: {{origins: ["{PAGE}"]}}
routes:
  /raw: {{service: shop, strip: true}}
  /whole: {{service: shop, strip: false}}
  /slow: {{service: slow, strip: true}}
  /gone: {{service: gone, strip: true}}
  /small: {{service: shop, max_body: 64KiB}}
"""

BIG = b"x" * 300_000


def echo(exchange: Exchange) -> None:
    body = exchange.read_body()
    exchange.send(head(200, [("Content-Length", str(len(body)))]) + body)


FILE_NAMES = {
    "/latin-1": 'attachment; filename="r\xe9sum\xe9.pdf"'.encode("latin-1"),
    "/utf-8": 'attachment; filename="r\xe9sum\xe9.pdf"'.encode(),
}

SCRIPTS = {
    **{
        path: raw(
            b"HTTP/1.1 200 OK\r\nContent-Disposition: %b\r\nContent-Length: 0\r\n\r\n" % value
        )
        for path, value in FILE_NAMES.items()
    },
    "/json": reply(200, [("Content-Type", "application/json"), ("ETag", '"u"')], b"{}"),
    "/raw/x": reply(200, [], b"not stripped"),
    "/whole/x": reply(200, [], b"whole"),
    "/teapot": reply(418, [("X-Own", "1"), ("Set-Cookie", "a=b")], b"short and stout"),
    "/echo": echo,
    "/big": reply(200, [], BIG),
    "/open": reply(
        200, [("Access-Control-Allow-Origin", "*"), ("Vary", "Accept"), ("X-Request-ID", "theirs")]
    ),
    "/half": then_reset(head(200, [("Content-Length", str(len(BIG)))]) + BIG[:100_000]),
    "/half-chunked": then_reset(head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"half")),
    "/reset": then_reset(b""),
    "/head-alone": then_close(head(200, [("Content-Length", str(len(BIG)))])),
    "/no-chunk": then_reset(head(200, [("Transfer-Encoding", "chunked")])),
    "/bad-chunk": raw(head(200, [("Transfer-Encoding", "chunked")]) + b"ZZ\r\n"),
    "/silent": stall_after(head(200, [("Transfer-Encoding", "chunked")])),
    "/never": never(),
    "/nothing": raw(head(204)),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[WireServer]:
    with WireServer(SCRIPTS) as server:
        yield server


@pytest.fixture(params=HOSTS, scope="module")
def host(
    request: pytest.FixtureRequest,
    upstream: WireServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("shop")
    with refusing_url() as refusing:
        shop = SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)
        services = {
            "shop": shop,
            "slow": f"{shop}timeout: 500ms\n",
            "gone": SHOP_SERVICE.replace("http://127.0.0.1:9", refusing),
        }
        write_project(folder, {}, services=services, gateway=GATEWAY)
        with serving(request.param, folder) as served:
            yield served


def test_reply_comes_back_as_it_was(host: Host) -> None:
    answer = host.get("/raw/json?a=%20&a=b", x_request_id="id-1")
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.header("etag") == '"u"'
    assert answer.header("content-type") == "application/json"
    assert answer.header("x-request-id") == "id-1"
    assert answer.header("cache-control") is None


@pytest.mark.parametrize("path", FILE_NAMES)
def test_header_values_pass_byte_for_byte_whatever_their_encoding(
    host: Host, upstream: WireServer, path: str
) -> None:
    value = FILE_NAMES[path].decode("latin-1")
    answer = host.request("GET", f"/raw{path}", [("Content-Disposition", value)])
    assert answer.header("content-disposition") == value
    assert upstream.requests[-1].header("content-disposition") == value


def test_path_and_query_arrive_as_they_were_sent(host: Host, upstream: WireServer) -> None:
    for target in ("/a%2Fb//c/?q=%20+&q", "/%C3%A9?", "/"):
        host.get("/raw" + target)
        assert upstream.requests[-1].target == target.rstrip("?")
    host.get("/raw")
    assert upstream.requests[-1].target == "/"


def test_prefix_is_kept_where_it_is_not_stripped(host: Host) -> None:
    assert host.get("/whole/x").body == b"whole"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_every_method_is_forwarded(host: Host, upstream: WireServer, method: str) -> None:
    answer = host.request(method, "/raw/teapot")
    assert (answer.status, answer.body) == (418, b"short and stout")
    assert upstream.requests[-1].method == method
    assert answer.header("x-own") == "1"
    assert answer.header("set-cookie") is None


def test_head_is_forwarded_and_has_no_body(host: Host, upstream: WireServer) -> None:
    answer = host.request("HEAD", "/raw/nothing")
    assert (answer.status, answer.body) == (204, b"")
    assert upstream.requests[-1].method == "HEAD"


@pytest.mark.parametrize("body", [b"small", BIG, [b"a", b"b" * 70_000, b"c"]])
def test_body_goes_up_and_comes_down_whole(host: Host, body: bytes | list[bytes]) -> None:
    sent = body if isinstance(body, bytes) else b"".join(body)
    answer = host.request("POST", "/raw/echo", [("Content-Type", "text/plain")], body)
    assert answer.body == sent


@pytest.mark.parametrize("body", [b"x" * 65_537, [b"a" * 40_000, b"b" * 40_000]])
def test_body_beyond_the_routes_limit_is_413_with_the_limit(
    host: Host, upstream: WireServer, body: bytes | list[bytes]
) -> None:
    """What the service got of one whose length nobody declares ends as no whole body does."""
    seen = len(upstream.requests)
    answer = host.request("POST", "/small/echo", [], body)
    assert (answer.status, answer.json()["reason"]) == (413, "body_too_large")
    assert "65536" in answer.json()["detail"]
    if isinstance(body, bytes):
        assert len(upstream.requests) == seen
    whole = body[:65_536] if isinstance(body, bytes) else body[:1]
    assert host.request("POST", "/small/echo", [], whole).status == 200


@pytest.mark.parametrize("target", ["/raw/half", "/raw/half-chunked"])
def test_stream_that_breaks_upstream_breaks_at_the_client(host: Host, target: str) -> None:
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        host.get(target)
    assert host.get("/raw/json").status == 200


@pytest.mark.parametrize(
    ("target", "status", "reason", "error"),
    [
        ("/gone/x", 502, "refused", "connection_refused"),
        ("/raw/reset", 502, "disconnected", "connection_terminated"),
        ("/raw/head-alone", 502, "incomplete", "http_response_incomplete"),
        ("/raw/no-chunk", 502, "incomplete", "http_response_incomplete"),
        ("/raw/bad-chunk", 502, "protocol", "http_protocol_error"),
        ("/slow/silent", 504, "timeout", "http_response_timeout"),
        ("/slow/never", 504, "timeout", "http_response_timeout"),
    ],
)
def test_reply_that_breaks_before_the_first_byte_of_its_body_is_a_problem(
    host: Host, target: str, status: int, reason: str, error: str
) -> None:
    answer = host.get(target, origin=PAGE)
    document = answer.json()
    prefix = target.rpartition("/")[0]
    assert (answer.status, document["reason"]) == (status, reason)
    assert answer.header("proxy-status") == f'bff; error={error}; details="{prefix}: {reason}"'
    assert answer.header("access-control-allow-origin") == PAGE
    assert b"127.0.0.1" not in answer.body


def test_cors_of_the_gateway_takes_the_place_of_the_upstreams(host: Host) -> None:
    answer = host.get("/raw/open", origin=PAGE)
    assert answer.header("access-control-allow-origin") == PAGE
    assert answer.header("vary") == "Accept, Origin"
    assert answer.header("x-request-id") != "theirs"
    assert host.get("/raw/open").header("access-control-allow-origin") is None


def test_preflight_is_answered_here(host: Host, upstream: WireServer) -> None:
    seen = len(upstream.requests)
    asked = [
        ("Origin", PAGE),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "authorization, cookie"),
    ]
    answer = host.request("OPTIONS", "/raw/x", asked)
    assert answer.status == 204
    assert "DELETE" in (answer.header("access-control-allow-methods") or "")
    assert answer.header("access-control-allow-headers") == "authorization"
    assert len(upstream.requests) == seen


@pytest.mark.parametrize("name", HOSTS)
def test_chunk_reaches_the_client_before_the_reply_is_complete(name: str, tmp_path: Path) -> None:
    gate = threading.Event()

    def script(exchange: Exchange) -> None:
        raw(head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"first"))(exchange)
        held(gate, lambda held_back: held_back.send(chunk(b"second") + chunk(b"")))(exchange)

    with WireServer(script) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        write_project(
            tmp_path, {}, services=services, gateway="routes: {/raw: {service: shop, strip: true}}"
        )
        with serving(name, tmp_path) as host, host.connect() as connection:
            connection.request("GET", "/raw/x")
            answer = connection.getresponse()
            assert answer.read1() == b"first"
            gate.set()
            assert answer.read() == b"second"


@pytest.mark.parametrize("name", HOSTS)
def test_client_that_leaves_a_stream_ends_the_upstreams_exchange(name: str, tmp_path: Path) -> None:
    def endless(exchange: Exchange) -> None:
        raw(head(200, [("Transfer-Encoding", "chunked")]))(exchange)
        try:
            while not exchange.server.stopping.is_set():
                exchange.send(chunk(b"x" * 65536))
        except OSError:
            exchange.server.note_peer_left()

    with WireServer(endless) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        write_project(
            tmp_path, {}, services=services, gateway="routes: {/raw: {service: shop, strip: true}}"
        )
        with serving(name, tmp_path) as host:
            with host.connect() as connection:
                connection.request("GET", "/raw/x")
                assert connection.getresponse().read1(1) == b"x"
            upstream.wait_until(lambda server: server.peers_left == 1)

"""Pass-through towards the service: what of a client's request arrives there, byte for byte."""

import pytest

from bff.plan.model.composition import Route
from bff.upstream.passthrough.passthrough import Refused
from bff.upstream.transports import TransportName
from tests.support.upstream.routes import KEEPING, STRIPPING, declared_route, forwarded, open_route
from tests.support.upstream.transports import NAMES, run
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import reply

every_transport = pytest.mark.parametrize("name", NAMES)


@every_transport
@pytest.mark.parametrize(
    ("route", "base_path", "raw_path", "raw_query", "target"),
    [
        (STRIPPING, "", "/raw/orders", "", "/"),
        (STRIPPING, "", "/raw/orders/", "", "/"),
        (STRIPPING, "", "/raw/orders/7", "", "/7"),
        (STRIPPING, "/v1", "/raw/orders/7", "", "/v1/7"),
        (STRIPPING, "", "/raw/orders//raw/orders/x", "", "//raw/orders/x"),
        (KEEPING, "", "/raw/orders/7", "", "/raw/orders/7"),
        (KEEPING, "/v1", "/raw/orders", "a", "/v1/raw/orders?a"),
        (
            declared_route("", "orders"),
            "",
            "/anything",
            "",
            "/anything",
        ),
        (STRIPPING, "", "/raw/orders/a%2Fb%2f%20+%C3%A9", "", "/a%2Fb%2f%20+%C3%A9"),
        (STRIPPING, "", "/raw/orders/", "q=%2e%2E&q=+&empty=&&flag", "/?q=%2e%2E&q=+&empty=&&flag"),
        (STRIPPING, "", "/raw/orders/o'x{y}", "f='x'|\"<>", "/o'x{y}?f='x'|\"<>"),
        (STRIPPING, "", "/raw/orders/", "next=/../x?y=1", "/?next=/../x?y=1"),
    ],
)
def test_path_and_query_arrive_as_they_came(
    name: TransportName, route: Route, base_path: str, raw_path: str, raw_query: str, target: str
) -> None:
    request = forwarded(
        name,
        lambda transport, base: open_route(
            transport, base, route=route, raw_path=raw_path, raw_query=raw_query
        ),
        base_path,
    )
    assert request.target == target


@every_transport
@pytest.mark.parametrize(
    ("raw_path", "raw_query", "reason"),
    [
        ("/raw/orders/../admin", "", "dot_segment"),
        ("/raw/orders/%2e%2e/admin", "", "dot_segment"),
        ("/raw/orders/..%2fadmin", "", "dot_segment"),
        ("/raw/orders/x%5C..", "", "dot_segment"),
        ("/raw/orders/..;a=b/admin", "", "dot_segment"),
        ("/raw/orders/.", "", "dot_segment"),
        ("/raw/orders/a\\b", "", "bad_path"),
        ("/raw/orders/a b", "", "bad_path"),
        ("/raw/orders/a#b", "", "bad_path"),
        ("/raw/orders/\xe9", "", "bad_path"),
        ("/raw/orders/", "a b", "bad_path"),
        ("/raw/orders/", "a\r\nb", "bad_path"),
    ],
)
def test_path_that_could_be_read_in_two_ways_is_refused(
    name: TransportName, raw_path: str, raw_query: str, reason: str
) -> None:
    with WireServer(reply()) as server:
        outcome = run(
            name,
            lambda transport: open_route(
                transport, server.url, raw_path=raw_path, raw_query=raw_query
            ),
        )
        assert server.accepted == 0
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.reason) == (400, reason)


@every_transport
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
def test_every_method_passes(name: TransportName, method: str) -> None:
    request = forwarded(name, lambda transport, base: open_route(transport, base, method=method))
    assert request.method == method


@every_transport
@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_tunnels_and_echoes_are_refused(name: TransportName, method: str) -> None:
    with WireServer(reply()) as server:
        outcome = run(name, lambda transport: open_route(transport, server.url, method=method))
        assert server.accepted == 0
    assert isinstance(outcome, Refused)
    assert outcome.status == 501


@every_transport
def test_headers_on_the_wire_are_the_allowed_ones_and_the_gateways_own(
    name: TransportName,
) -> None:
    received = [
        (b"host", b"shop.example"),
        (b"accept", b"text/html"),
        (b"authorization", b"Bearer t"),
        (b"connection", b"upgrade, x-forwarded-for, accept-language"),
        (b"upgrade", b"websocket"),
        (b"accept-language", b"de"),
        (b"cookie", b"session=1"),
        (b"x-forwarded-for", b"203.0.113.9"),
        (b"x-user", b"admin"),
        (b"te", b"trailers"),
        (b"expect", b"100-continue"),
        (b"user-agent", b"browser"),
    ]
    request = forwarded(name, lambda transport, base: open_route(transport, base, headers=received))
    headers = [each for each in request.headers if each[0] != "traceparent"]
    assert len(headers) == len(request.headers) - 1
    assert sorted(headers) == [
        ("accept", "text/html"),
        ("authorization", "Bearer t"),
        ("host", request.header("host")),
        ("user-agent", "browser"),
        ("via", "1.1 bff"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-prefix", "/raw/orders"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "r1"),
    ]
    assert request.header("host") != "shop.example"


@every_transport
def test_header_with_control_characters_is_a_bad_request(name: TransportName) -> None:
    with WireServer(reply()) as server:
        outcome = run(
            name,
            lambda transport: open_route(transport, server.url, headers=[(b"accept", b"a\x01")]),
        )
        assert server.requests == []
    assert isinstance(outcome, Refused)
    assert outcome.status == 400

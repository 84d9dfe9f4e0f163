"""Requests that read in two ways are refused, in every host; lists of header lines are lists."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway.hosts import HOSTS, Host, serving
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply


@pytest.fixture
def upstream() -> Iterator[WireServer]:
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as server:
        yield server


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest, tmp_path: Path, upstream: WireServer) -> Iterator[Host]:
    write_project(
        tmp_path,
        {"cached": HOME.replace("/home/", "/cached/") + "cache: {ttl: 5m}\n"},
        services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)},
        gateway="routes: {/raw: {service: shop, strip: true}}\n",
    )
    with serving(request.param, tmp_path) as host:
        yield host


def status_of(host: Host, *lines: str) -> int:
    """The status of the reply to a request with just these lines."""
    with socket.create_connection(("127.0.0.1", host.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        reply = connection.makefile("rb").readline()
    return int(reply.split()[1])


PATHS = ["/cached/1", "/raw/users/1"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["a", "b"],
        ["a", "a"],
        ["a b"],
        ["a@b"],
        ["a/b"],
        ["a:b"],
        [""],
        ["[::1"],
        ["x" * 300],
    ],
)
def test_request_without_one_good_host_is_refused(
    host: Host, upstream: WireServer, path: str, hosts: list[str]
) -> None:
    assert host.get(path).status == 200
    sent = len(upstream.requests)
    assert status_of(host, f"GET {path} HTTP/1.1", *(f"Host: {each}" for each in hosts)) == 400
    assert len(upstream.requests) == sent


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["shop.example", "127.0.0.1:8080", "[::1]:80", "a_b.local:"])
def test_request_with_one_good_host_is_served(host: Host, path: str, name: str) -> None:
    assert status_of(host, f"GET {path} HTTP/1.1", f"Host: {name}") == 200


@pytest.mark.parametrize("path", PATHS)
def test_http_1_0_needs_no_host(host: Host, path: str) -> None:
    assert status_of(host, f"GET {path} HTTP/1.0") == 200


@pytest.mark.parametrize(
    "segment",
    [".", "..", "%2e%2e", "..%00", "..%09", "..%23", "..%3f", "..%20", "%09..", ".%00.",
     "%2e%00%2E", "..%3Bx", "..%7F", "..%0d%0a", ".%1f", "..;", "..;a=b", ";/..", "..%5c", "..%2F",
     "..%00x", "..%0aX", "%252e%252e", "%25252e.", "..%252f", "..%255c", "%25c0%25ae.",
     "%ef%bc%8e%ef%bc%8e", "%e2%80%a5", "..%ef%bc%8f", "..%e2%88%95x",
     "...", "%E2%80%A6"],
)  # fmt: skip
def test_segment_that_some_server_reads_as_dots_is_refused(
    host: Host, upstream: WireServer, segment: str
) -> None:
    for path in (f"/raw/users/{segment}/x", f"/raw/{segment}", f"/raw/a%2f{segment}%5Cb"):
        answer = host.get(path)
        assert (answer.status, answer.json()["reason"]) == (400, "dot_segment")
    assert upstream.requests == []


@pytest.mark.parametrize(
    "segment",
    ["..a", "a..", "%252ea", "a%00", "%20", ".well-known", "100%25", "a%252fb"],
)
def test_segment_that_no_server_reads_as_dots_goes_on(
    host: Host, upstream: WireServer, segment: str
) -> None:
    assert host.get(f"/raw/{segment}").status == 200
    assert upstream.requests[-1].target == f"/{segment}"


@pytest.mark.parametrize(
    "segment", ["%", "%2", "%zz", "%u002e%u002e", "%c0%ae%c0%ae", "%e0%80%ae.", "%ff"]
)
def test_segment_that_decodes_to_no_text_is_refused(
    host: Host, upstream: WireServer, segment: str
) -> None:
    answer = host.get(f"/raw/{segment}/x")
    assert answer.status == 400
    assert upstream.requests == []


@pytest.mark.parametrize("path", ["/%72aw/users/1", "/ra%77/users/1", "/raw%2Fusers/1"])
def test_prefix_in_another_spelling_is_not_the_route(
    host: Host, upstream: WireServer, path: str
) -> None:
    assert host.get(path).status == 404
    assert upstream.requests == []


def test_etags_may_come_in_several_lines(host: Host) -> None:
    tag = host.get("/cached/1").header("etag") or ""
    for tags in (['"x"', tag], [tag, '"x"']):
        lines = [("If-None-Match", each) for each in tags]
        assert host.request("GET", "/cached/1", lines).status == 304

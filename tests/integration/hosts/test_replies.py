"""What clients get from a composition, the same from both hosts behind real servers."""

import json
from collections.abc import Iterator

import pytest

from tests.support.gateway.hosts import HOSTS, Host
from tests.support.gateway.shop_host import PAGE, shop_host


@pytest.fixture(params=HOSTS, scope="module")
def host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    with shop_host(request.param, tmp_path_factory.mktemp("shop")) as served:
        yield served


def test_payload_comes_as_json_with_what_a_browser_needs_to_know(host: Host) -> None:
    answer = host.get("/home/1")
    assert answer.status == 200
    assert answer.body == b'{"id":1,"name":"Ann"}'
    assert answer.header("content-type") == "application/json"
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("cache-control") == "private, no-cache"
    assert answer.header("cache-status") == "bff; fwd=bypass"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("proxy-status") is None
    timing = answer.header("server-timing") or ""
    assert timing.startswith("user;dur=")
    assert ", total;dur=" in timing


def test_page_of_a_known_origin_may_read_every_reply(host: Host) -> None:
    host.get("/cached/1")
    for target in ("/home/1", "/cached/1", "/busy", "/home/x", "/nowhere"):
        answer = host.get(target, origin=PAGE)
        assert answer.header("access-control-allow-origin") == PAGE
        assert answer.header("timing-allow-origin") == PAGE
        assert "Proxy-Status" in (answer.header("access-control-expose-headers") or "")
        assert "Origin" in (answer.header("vary") or "").split(", ")
        foreign = host.get(target, origin="https://evil.example")
        assert foreign.header("access-control-allow-origin") is None
        assert "Origin" in (foreign.header("vary") or "").split(", ")


def test_preflight_is_answered_from_the_routing_table(host: Host) -> None:
    asked = [
        ("Origin", PAGE),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type,x-evil"),
    ]
    answer = host.request("OPTIONS", "/buy", asked)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("access-control-allow-origin") == PAGE
    assert answer.header("access-control-allow-methods") == "OPTIONS, POST"
    assert answer.header("access-control-allow-headers") == "content-type"
    foreign = host.request("OPTIONS", "/buy", [("Origin", "https://e.example"), *asked[1:]])
    assert foreign.header("access-control-allow-origin") is None
    assert foreign.header("access-control-allow-methods") is None
    assert host.request("OPTIONS", "/nowhere", asked).status == 404


def test_plain_options_lists_the_methods(host: Host) -> None:
    answer = host.request("OPTIONS", "/home/1")
    assert (answer.status, answer.header("allow")) == (204, "GET, HEAD, OPTIONS")


def test_health_is_told_by_both_hosts(host: Host) -> None:
    answer = host.get("/healthz")
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})

"""What clients get from a composition, the same from both hosts behind real servers."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.hosts import HOSTS, Host
from tests.support.shop_host import PAGE, shop_host


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


def test_same_payload_is_not_sent_again_to_who_names_its_tag(host: Host) -> None:
    first = host.get("/home/1")
    tag = first.header("etag") or ""
    for named in (tag, f'W/{tag}, "other"', "*"):
        again = host.get("/home/1", if_none_match=named)
        assert (again.status, again.body) == (304, b"")
        assert again.header("etag") == tag
        assert again.header("cache-control") == "private, no-cache"
        assert again.header("content-type") is None
    other = host.get("/home/2", if_none_match=tag)
    assert other.status == 200
    assert other.header("etag") != tag


def test_head_tells_of_the_payload_without_it(host: Host) -> None:
    got, told = host.get("/home/1"), host.request("HEAD", "/home/1")
    assert (told.status, told.body) == (200, b"")
    for name in ("content-length", "content-type", "etag"):
        assert told.header(name) == got.header(name)


def test_second_request_is_answered_from_memory_in_every_view(host: Host) -> None:
    host.get("/cached/2")
    answer = host.get("/cached/2")
    assert answer.status == 200
    assert answer.json()["user"]["firstName"] == "Bo"
    assert (answer.header("cache-status") or "").startswith("bff; hit; ttl=")
    assert answer.header("age") in ("0", "1")
    short, shout = host.get("/cached/2?view=short"), host.get("/cached/2?view=shout")
    assert short.body == b'{"user":{"id":2}}'
    assert shout.body == b'{"shout":"Bo!"}'
    assert len({each.header("etag") for each in (answer, short, shout)}) == 3
    assert "hit" in (short.header("cache-status") or "")
    tag = short.header("etag") or ""
    assert host.get("/cached/2?view=short", if_none_match=tag).status == 304
    assert host.get("/cached/2", if_none_match=tag).status == 200


def test_first_request_is_a_miss_that_is_stored(host: Host) -> None:
    told = host.get("/cached/1").header("cache-status") or ""
    assert re.fullmatch(r"bff; fwd=miss; stored; ttl=(2[6-9]\d|300)", told)


def test_views_are_cut_from_a_payload_that_is_not_cached(host: Host) -> None:
    assert host.get("/home/1?view=short").body == b'{"name":"Ann"}'
    assert host.get("/home/1?limit=5&view=shout").body == b'{"shout":"Ann!"}'
    assert host.get("/home/1?v%69ew=short").body == b'{"name":"Ann"}'


def test_degraded_payload_names_each_failed_step_and_is_kept_for_a_moment(host: Host) -> None:
    for told in ("bff; fwd=miss", "bff; hit; ttl="):
        answer = host.get("/soft")
        assert answer.status == 200
        assert answer.json() == {"user": None, "orders": {"orders": []}}
        assert (answer.header("cache-status") or "").startswith(told)
        assert answer.header("proxy-status") == (
            'bff; error=http_request_error; received-status=404; details="user: status", '
            'bff; error=http_request_error; received-status=503; details="orders: status"'
        )


def test_request_id_comes_back_when_it_is_harmless_and_is_made_otherwise(host: Host) -> None:
    for target in ("/home/1", "/cached/1", "/nowhere", "/home/x"):
        assert host.get(target, x_request_id="a.b-c_1").header("x-request-id") == "a.b-c_1"
        made = host.get(target, x_request_id="a b").header("x-request-id") or ""
        assert len(made) == 32


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

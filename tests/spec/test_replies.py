"""What a reply tells beside its body: validators, cache, failures, timings, ids."""

import re
import threading

import pytest

from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import Screens, user, value_reply
from tests.support.structured_fields import read_list
from tests.support.upstream.wire_scripts import held, never, raw, refusing_url, reply

USER = "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}"
CACHED = """
    endpoint: GET /screen
    steps: {user: {call: shop.get_user, with: {id: 1}}}
    views: {short: [user.id]}
    cache: {ttl: 5m}
    """

# Each request's own: the rest of a reply must not differ between two of them.
_VOLATILE = {"x-request-id", "server-timing", "date", "connection", "cache-status", "age"}


def steady(answer: Answer) -> list[tuple[str, str]]:
    """The headers that two replies to the same question share, in a fixed order."""
    return sorted(each for each in answer.headers if each[0] not in _VOLATILE)


@pytest.mark.parametrize("composition", [USER, CACHED], ids=["plain", "cached"])
def test_head_has_every_header_of_get_and_no_body(screens: Screens, composition: str) -> None:
    screen = screens(composition, {"/users/1": user()})
    screen.get()  # so that what is cached is a hit for both
    for _ in range(2):
        got, told = screen.get(), screen.request("HEAD")
        assert (told.status, told.body) == (200, b"")
        assert steady(told) == steady(got)
        assert told.header("content-length") == str(len(got.body))


def test_head_of_what_is_wrong_has_the_problems_headers_and_no_body(screens: Screens) -> None:
    screen = screens(USER, {"/users/1": reply(404)})
    for target in ("/screen", "/screen?view=x", "/nowhere"):
        got, told = screen.get(target, x_request_id="id"), screen.request(
            "HEAD", target, [("X-Request-ID", "id")]
        )  # fmt: skip
        assert told.status == got.status == 404
        assert told.body == b""
        assert steady(told) == steady(got)


@pytest.mark.parametrize("composition", [USER, CACHED], ids=["plain", "cached"])
def test_tag_is_strong_and_follows_the_bytes(screens: Screens, composition: str) -> None:
    screen = screens(composition, {"/users/1": user()})
    first, second = screen.get(), screen.get()
    assert re.fullmatch(r'"[0-9a-f]{32}"', first.header("etag") or "")
    assert first.header("etag") == second.header("etag")
    other = screens(composition, {"/users/1": user(1, "Bo")})
    assert other.get().header("etag") != first.header("etag")


@pytest.mark.parametrize("composition", [USER, CACHED], ids=["plain", "cached"])
def test_if_none_match_is_compared_weakly_over_a_list(screens: Screens, composition: str) -> None:
    screen = screens(composition, {"/users/1": user()})
    tag = screen.get().header("etag") or ""
    for text, status in (
        (tag, 304),
        (f"W/{tag}", 304),
        (f'"a", W/"b",{tag}', 304),
        (f'{tag} , "z"', 304),
        ("*", 304),
        (" * ", 304),
        ('"other"', 200),
        (tag.strip('"'), 200),
        (tag[:-2] + '"', 200),
        (tag[:-1], 200),
        (f'"a,{tag[1:]}', 200),
        (f"w/{tag}", 200),
        ("", 200),
        (",,", 200),
        ("W/*", 200),
    ):
        answer = screen.get(if_none_match=text)
        assert answer.status == status, text
        if status == 304:
            assert answer.body == b""
            assert answer.header("etag") == tag
            assert answer.header("content-type") is None
            assert answer.header("cache-control") == "private, no-cache"
            assert answer.header("x-request-id")


def test_if_none_match_never_turns_a_failure_into_304(screens: Screens) -> None:
    screen = screens(USER, {"/users/1": reply(500)})
    assert screen.get(if_none_match="*").status == 502
    screen = screens(USER.replace("GET", "POST"), {"/users/1": user()})
    assert screen.post({}, if_none_match="*").status == 200


def test_cache_status_says_how_a_reply_came_about(screens: Screens) -> None:
    screen = screens(
        {
            "cached": CACHED.replace("/screen", "/cached"),
            "plain": USER.replace("/screen", "/plain"),
            "post": USER.replace("GET /screen", "POST /post"),
        },
        {"/users/1": user()},
    )

    def told(answer: Answer) -> list[object]:
        return list(read_list(answer.header("cache-status") or ""))

    for came_about in ({"fwd": "miss", "stored": True}, {"hit": True}):
        ((name, facts),) = read_list(screen.get("/cached").header("cache-status") or "")
        ttl = facts.pop("ttl")
        assert (name, facts) == ("bff", came_about)
        assert isinstance(ttl, int)
        assert 260 <= ttl <= 300  # up to a tenth is taken off
    assert told(screen.get("/plain")) == [("bff", {"fwd": "bypass"})]
    assert told(screen.post({}, "/post")) == [("bff", {"fwd": "method"})]


def test_proxy_status_is_a_list_with_a_registered_error_for_each_failed_step(
    screens: Screens,
) -> None:
    with refusing_url() as url:
        screen = screens(
            """
            endpoint: GET /screen
            steps:
              answered: {call: shop.get_user, with: {id: 1}, on_failure: optional}
              shaped: {call: shop.get_user, with: {id: 2}, on_failure: optional}
              slow: {call: shop.get_user, with: {id: 3}, timeout: 300ms, on_failure: optional}
              gone: {call: gone.get, on_failure: optional}
              follower: {call: shop.get_user, with: {id: '${gone.value}'}}
              broken: {call: shop.get_user, with: {id: 4}, on_failure: optional}
              good: {call: shop.get_user, with: {id: 5}, on_failure: optional}
            """,
            {
                "/users/1": reply(418),
                "/users/2": value_reply([]),
                "/users/3": never(),
                "/users/4": raw(b"nonsense\r\n\r\n"),
                "/users/5": user(5),
            },
            services={
                "gone": f"""
                base: {url}
                operations: {{get: {{request: GET /x, returns: 'schemas.shop:Loose'}}}}
                """
            },
        )
        answer = screen.get()
    assert read_list(answer.header("proxy-status") or "") == [
        ("bff", {"error": "http_request_error", "received-status": 418,
                 "details": "answered: status"}),
        ("bff", {"error": "http_protocol_error", "received-status": 200,
                 "details": "shaped: invalid"}),
        ("bff", {"error": "http_response_timeout", "details": "slow: timeout"}),
        ("bff", {"error": "connection_refused", "details": "gone: refused"}),
        ("bff", {"error": "proxy_internal_response", "details": "follower: input_failed"}),
        ("bff", {"error": "http_protocol_error", "details": "broken: protocol"}),
    ]  # fmt: skip


def test_server_timing_has_a_metric_for_each_step_and_the_total(screens: Screens) -> None:
    """`b` starts after `a`; both end before the total does."""
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          a: {call: shop.get_user, with: {id: 1}}
          b: {call: shop.get_user, with: {id: '${a.id}'}}
          c: {call: shop.get_user, with: {id: 1}, when: '${a.id == `2`}'}
          d: {call: shop.get_user, with: {id: 9}, on_failure: optional}
        """,
        {"/users/1": user()},
    )
    timing = screen.get().header("server-timing") or ""
    metrics = {
        name: dict(part.partition("=")[::2] for part in rest.split(";"))
        for name, _, rest in (metric.strip().partition(";") for metric in timing.split(","))
    }
    assert list(metrics) == ["a", "b", "c", "d", "total"]
    a, b, total = metrics["a"], metrics["b"], metrics["total"]
    assert float(a["dur"]) <= float(b["start"]) < float(total["dur"])
    assert (a["desc"], metrics["c"]["desc"], metrics["d"]["desc"]) == (
        '"ok"',
        '"skipped"',
        '"failed"',
    )


def test_collapsed_request_says_so(screens: Screens) -> None:
    gate = threading.Event()
    screen = screens(CACHED, {"/users/1": held(gate, reply(503))})
    first = screen.begin()
    screen.upstream.wait_for_requests(1)
    second = screen.begin()
    screen.wait_until_joined(1)
    gate.set()
    told = sorted(each.result().header("cache-status") or "" for each in (first, second))
    assert len(screen.calls()) == 1
    assert told == ["bff; fwd=miss", "bff; fwd=miss; collapsed"]


@pytest.mark.parametrize("target", ["/screen", "/nowhere", "/screen?view=x"])
def test_request_id_comes_back_if_harmless_and_is_replaced_if_not(
    screens: Screens, target: str
) -> None:
    screen = screens(USER, {"/users/1": user()})
    for good in ("a", "A-z_0.9", "x" * 128):
        assert screen.get(target, x_request_id=good).header("x-request-id") == good
    seen = set()
    for bad in ("", "a b", "x" * 129, "a,b", "<script>", 'a"b', "a/b", "é"):
        made = screen.get(target, x_request_id=bad).header("x-request-id") or ""
        assert re.fullmatch(r"[0-9a-f]{32}", made), bad
        seen.add(made)
    assert len(seen) == 8

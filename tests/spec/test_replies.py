"""What a reply tells beside its body: validators, cache, failures, timings, ids; and problems."""

import re

import pytest

from tests.support.hosts import Answer
from tests.support.screens import Screen, Screens, user, value_reply
from tests.support.structured_fields import read_list
from tests.support.wire_scripts import head, never, raw, refusing_url, reply, when_arrived

USER = "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}"
CACHED = """
    endpoint: GET /screen
    steps: {user: {call: shop.get_user, with: {id: 1}}}
    views: {short: [user.id]}
    cache: {ttl: 5m}
    """

# Each request's own: the rest of a reply must not differ between two of them.
_VOLATILE = {"x-request-id", "server-timing", "date", "connection", "cache-status"}


def steady(answer: Answer) -> list[tuple[str, str]]:
    """The headers that two replies to the same question share, in a fixed order."""
    return sorted(each for each in answer.headers if each[0] not in _VOLATILE)


@pytest.mark.parametrize("composition", [USER, CACHED], ids=["plain", "cached"])
def test_head_has_every_header_of_get_and_no_body(screens: Screens, composition: str) -> None:
    screen = screens(composition, {"/users/1": user()})
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

    assert told(screen.get("/cached")) == [("bff", {"fwd": "miss", "stored": True})]
    ((name, facts),) = read_list(screen.get("/cached").header("cache-status") or "")
    assert (name, facts["hit"]) == ("bff", True)
    assert 0 < facts["ttl"] <= 300
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
              slow: {call: shop.get_user, with: {id: 3}, on_failure: optional}
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
            service="timeout: 300ms\n",
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
    screen = screens(CACHED, {"/users/1": when_arrived(1, never())})
    first = screen.begin()
    screen.upstream.wait_for_requests(1)
    second = screen.begin()
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


def test_problem_has_all_members_and_nothing_of_the_inside(screens: Screens) -> None:
    screen = screens(
        {"screen": USER, "post": USER.replace("GET /screen", "POST /post")},
        {"/users/1": raw(head(500, [("X-Inside", "hush")]) + b"hush 10.0.0.1")},
    )
    for method, target, headers, body in (
        ("GET", "/screen", [], None),
        ("GET", "/screen?view=x", [], None),
        ("GET", "/nowhere", [], None),
        ("DELETE", "/screen", [], None),
        ("GET", "/%zz", [], None),
        ("POST", "/post", [("Content-Type", "text/plain")], b"{}"),
        ("POST", "/post", [("Content-Type", "application/json")], b" " * (1 << 20) + b"{}"),
    ):
        answer = screen.request(method, target, headers, body)
        document = answer.json()
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("cache-control") == "no-store"
        assert answer.header("x-content-type-options") == "nosniff"
        assert document["status"] == answer.status
        assert document["request_id"] == answer.header("x-request-id")
        assert {"type", "title", "detail", "reason"} <= document.keys()
        for told in (answer.body.decode(), str(answer.headers)):
            assert "127.0.0.1" not in told
            assert str(screen.upstream.port) not in told
            assert "hush" not in told
            assert "Traceback" not in told


WEIRD = """
from typing import Any

from pydantic import BaseModel, field_validator, model_serializer


class Weird(BaseModel):
    how: str

    @field_validator("how", mode="before")
    @classmethod
    def break_in_a_way_of_its_own(cls, value: Any) -> Any:
        match value:
            case "key":
                raise KeyError("hush")
            case "recursion":
                return cls.break_in_a_way_of_its_own(value)
            case "group":
                raise ExceptionGroup("hush", [OSError("hush")])
            case "unicode":
                return "\\ud800"
        return value

    @model_serializer
    def write(self) -> dict[str, Any]:
        if self.how == "serializer":
            raise LookupError("hush")
        return {"how": self.how}
"""

WEIRD_SERVICE = """
    base: {shop}
    operations: {get: {request: GET /x, returns: 'schemas.shop:Weird'}}
    """


@pytest.fixture
def weird(screens: Screens) -> Screen:
    return screens(
        {
            "whole": "{endpoint: GET /whole, steps: {it: {call: shop.get}}}",
            "read": """
                endpoint: GET /read
                steps: {it: {call: shop.get}}
                response: "${it || 'none'}"
                """,
        },
        {"/x": value_reply({"how": "good"})},
        schemas=WEIRD,
        services={"shop": WEIRD_SERVICE},
    )


@pytest.mark.parametrize("how", ["key", "recursion", "group", "unicode", "serializer"])
def test_schema_that_raises_whatever_it_likes_is_a_502_and_no_bug(weird: Screen, how: str) -> None:
    for target in ("/whole", "/read"):
        weird.let("/x", value_reply({"how": how}))
        answer = weird.get(target)
        # A text that is no Unicode can be read; it is the response that can't be written with it.
        reason = "expression" if (how, target) == ("unicode", "/read") else "invalid"
        assert (answer.status, answer.json()["reason"]) == (502, reason)
        assert b"hush" not in answer.body
        weird.let("/x", value_reply({"how": "good"}))
        assert weird.get(target).status == 200


def test_bug_is_a_500_problem_without_a_traceback_and_the_next_request_is_served(
    screens: Screens,
) -> None:
    """No upstream can cause one, so the app's own hook stands in for the bug."""
    screen = screens(USER, {"/users/1": user()})
    gateway = screen.host.app.extensions["bff"]
    assert gateway is not None
    assert screen.get().status == 200

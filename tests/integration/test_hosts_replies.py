"""What clients get from a composition, the same from both hosts behind real servers."""

import json
from collections.abc import Iterator

import pytest

from tests.support.hosts import HOSTS, Answer, Host, serving
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.wire import WireServer
from tests.support.wire_scripts import json_reply, reply

PAGE = "https://shop.example"

GATEWAY = f"""
cors: {{origins: ["{PAGE}"]}}
"""

COMPOSITIONS = {
    "home": """
        endpoint: GET /home/{user_id}
        params:
          user_id: {type: integer, minimum: 1}
          limit: {in: query, type: integer, default: 10, maximum: 50}
        steps:
          user: {call: shop.get_user, with: {id: '${params.user_id}'}}
        response: {id: '${user.id}', name: '${user.firstName}'}
        views:
          short: [name]
          shout: {response: {shout: "${join('', [user.firstName, '!'])}"}}
        """,
    "cached": """
        endpoint: GET /cached/{user_id}
        params:
          user_id: {type: integer, minimum: 1}
        steps:
          user: {call: shop.get_user, with: {id: '${params.user_id}'}}
        views:
          short: [user.id]
          shout: {response: {shout: "${join('', [user.firstName, '!'])}"}}
        cache: {ttl: 5m}
        """,
    "soft": """
        endpoint: GET /soft
        steps:
          user: {call: shop.get_user, with: {id: 404}, on_failure: optional}
          orders: {call: shop.list_orders, with: {user_id: 1}, on_failure: {fallback: {orders: []}}}
        cache: {ttl: 5m}
        """,
    "busy": """
        endpoint: GET /busy
        steps:
          user: {call: shop.get_user, with: {id: 429}}
        """,
    "buy": """
        endpoint: POST /buy
        params:
          user_id: {in: body, type: integer, minimum: 1}
          note: {in: body, type: string, required: false}
        steps:
          user: {call: shop.get_user, with: {id: '${params.user_id}'}}
          order: {call: shop.create_order, with: {user_id: '${user.id}', note: '${params.note}'}}
          again: {call: shop.get_user, with: {id: '${params.user_id}'}, after: order}
        """,
}

UPSTREAM = {
    "/users/1": json_reply('{"id": 1, "first_name": "Ann"}'),
    "/users/2": json_reply('{"id": 2, "first_name": "Bo"}'),
    "/users/429": reply(429, [("Retry-After", "7")]),
    "/orders": reply(503),
}


@pytest.fixture(params=HOSTS, scope="module")
def host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("shop")
    with WireServer(UPSTREAM) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        write_project(folder, COMPOSITIONS, services=services, gateway=GATEWAY)
        with serving(request.param, folder) as served:
            yield served


def problem(answer: Answer) -> dict[str, object]:
    """The problem document that an answer is, once it keeps the rules of all of them."""
    document: dict[str, object] = answer.json()
    assert answer.header("content-type") == "application/problem+json"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("etag") is None
    assert document["status"] == answer.status
    assert document["request_id"] == answer.header("x-request-id")
    assert {"type", "title", "detail", "reason"} <= set(document)
    assert "127.0.0.1" not in answer.body.decode()
    return document


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
    assert answer.header("server-timing") == 'cache;desc="hit"'
    short, shout = host.get("/cached/2?view=short"), host.get("/cached/2?view=shout")
    assert short.body == b'{"user":{"id":2}}'
    assert shout.body == b'{"shout":"Bo!"}'
    assert len({each.header("etag") for each in (answer, short, shout)}) == 3
    assert "hit" in (short.header("cache-status") or "")
    tag = short.header("etag") or ""
    assert host.get("/cached/2?view=short", if_none_match=tag).status == 304
    assert host.get("/cached/2", if_none_match=tag).status == 200


def test_first_request_is_a_miss_that_is_stored(host: Host) -> None:
    assert host.get("/cached/1").header("cache-status") == "bff; fwd=miss; stored"


def test_views_are_cut_from_a_payload_that_is_not_cached(host: Host) -> None:
    assert host.get("/home/1?view=short").body == b'{"name":"Ann"}'
    assert host.get("/home/1?limit=5&view=shout").body == b'{"shout":"Ann!"}'
    assert host.get("/home/1?v%69ew=short").body == b'{"name":"Ann"}'


def test_unknown_view_is_told_which_there_are(host: Host) -> None:
    for target in ("/home/1?view=tall", "/cached/1?view=", "/home/1?view=Short"):
        document = problem(host.get(target))
        assert (document["status"], document["reason"]) == (404, "unknown_view")
        assert document["views"] == ["short", "shout"]


def test_view_that_is_named_twice_is_refused(host: Host) -> None:
    document = problem(host.get("/home/1?view=short&view=short"))
    assert (document["status"], document["reason"]) == (400, "view_twice")


def test_every_bad_param_is_named_and_no_value_repeated(host: Host) -> None:
    answer = host.get("/home/evil-1?limit=evil-2")
    document = problem(answer)
    assert (document["status"], document["reason"]) == (400, "bad_params")
    errors = document["errors"]
    assert isinstance(errors, list)
    assert [(error["name"], error["in"]) for error in errors] == [
        ("user_id", "path"),
        ("limit", "query"),
    ]
    assert all(error["detail"] for error in errors)
    assert b"evil" not in answer.body


def test_degraded_payload_names_each_failed_step_and_is_not_kept(host: Host) -> None:
    for _ in range(2):
        answer = host.get("/soft")
        assert answer.status == 200
        assert answer.json() == {"user": None, "orders": {"orders": []}}
        assert answer.header("cache-status") == "bff; fwd=miss"
        assert answer.header("proxy-status") == (
            'bff; error=http_request_error; received-status=404; details="user: status", '
            'bff; error=http_request_error; received-status=503; details="orders: status"'
        )


def test_failed_required_step_is_named_and_its_retry_after_passed_on(host: Host) -> None:
    answer = host.get("/busy")
    document = problem(answer)
    assert document["status"] == 429
    assert (document["step"], document["reason"]) == ("user", "status")
    assert answer.header("retry-after") == "7"
    assert answer.header("proxy-status") == (
        'bff; error=http_request_error; received-status=429; details="user: status"'
    )
    assert "steps" not in document


def test_failed_write_says_what_became_of_each_step(host: Host) -> None:
    answer = host.post("/buy", {"user_id": 1})
    document = problem(answer)
    assert document["status"] == 502
    assert document["step"] == "order"
    assert document["steps"] == {"user": "done", "order": "failed", "again": "not started"}
    assert answer.header("cache-status") == "bff; fwd=method"


@pytest.mark.parametrize(
    ("media_type", "body", "status", "reason"),
    [
        ("text/plain", b"{}", 415, "media_type"),
        ("application/x-www-form-urlencoded", b"user_id=1", 415, "media_type"),
        (None, b"{}", 415, "media_type"),
        ("application/json", b"{", 400, "bad_params"),
        ("application/json", b"[]", 400, "bad_params"),
        ("application/json", b'{"user_id": 0}', 400, "bad_params"),
        ("application/json", b"", 400, "bad_params"),
        ("Application/JSON; charset=utf-8", b'{"user_id": "1"}', 400, "bad_params"),
        ("application/json", b" " * (1024 * 1024 + 1), 413, "body_too_large"),
        ("application/json", [b" " * 1024] * 1025, 413, "body_too_large"),
    ],
)
def test_body_that_can_not_be_used_is_refused_before_any_step(
    host: Host, media_type: str | None, body: bytes | list[bytes], status: int, reason: str
) -> None:
    headers = [] if media_type is None else [("Content-Type", media_type)]
    document = problem(host.request("POST", "/buy", headers, body))
    assert (document["status"], document["reason"]) == (status, reason)


def test_compressed_body_is_refused(host: Host) -> None:
    headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
    document = problem(host.request("POST", "/buy", headers, b"\x1f\x8b"))
    assert (document["status"], document["reason"]) == (415, "content_coding")


@pytest.mark.parametrize(
    ("method", "target", "status", "reason"),
    [
        ("GET", "/nowhere", 404, "no_such_path"),
        ("GET", "/", 404, "no_such_path"),
        ("GET", "/home/1/", 404, "no_such_path"),
        ("GET", "/home", 404, "no_such_path"),
        ("POST", "/nowhere", 404, "no_such_path"),
        ("GET", "/home/%ff", 400, "bad_path"),
        ("GET", "/home/%zz", 400, "bad_path"),
        ("GET", "/home/a%2Fb", 400, "bad_params"),
    ],
)
def test_path_of_nothing_gets_the_gateways_own_problem(
    host: Host, method: str, target: str, status: int, reason: str
) -> None:
    document = problem(host.request(method, target))
    assert (document["status"], document["reason"]) == (status, reason)


def test_wrong_method_is_told_which_are_right(host: Host) -> None:
    for method, target, allow in (
        ("DELETE", "/home/1", "GET, HEAD, OPTIONS"),
        ("GET", "/buy", "OPTIONS, POST"),
    ):
        answer = host.request(method, target)
        assert problem(answer)["reason"] == "wrong_method"
        assert (answer.status, answer.header("allow")) == (405, allow)


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
        assert answer.header("vary") == "Origin"
        foreign = host.get(target, origin="https://evil.example")
        assert foreign.header("access-control-allow-origin") is None
        assert foreign.header("vary") == "Origin"


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

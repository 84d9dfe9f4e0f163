"""A composition's own status and headers: created, empty, redirects; fresh and from the cache."""

from typing import Any

import pytest

from bff.settings import Settings
from tests.support.cache.answers import is_hit, until
from tests.support.fake_time import Clock
from tests.support.gateway.screens import Screen, Screens, order, user, value_reply
from tests.support.identity.callers import ByName, bearer
from tests.support.redis.server import RedisServer
from tests.support.upstream.wire_scripts import reply

CREATE = """
endpoint: POST /screen
params: {user_id: {type: integer}}
status: 201
headers:
  Location: /orders/${order.id}
  X-Total: ${order.total}
  X-Note: ${order.items[0].product_id}
  X-Name: Zoë
steps:
  order: {call: shop.create_order, with: {user_id: '${params.user_id}'}}
"""


def test_created_thing_has_its_status_and_location(screens: Screens) -> None:
    """A header with a null in it is left out."""
    screen = screens(CREATE, {"/orders": value_reply(order(5))})
    answer = screen.post({"user_id": 1})
    assert (answer.status, answer.json()["order"]["id"]) == (201, 5)
    assert answer.header("location") == "/orders/5"
    assert answer.header("x-total") == "1.5"
    assert answer.header("x-note") is None
    assert (answer.header("x-name") or "").encode("latin-1") == "Zoë".encode()
    assert answer.header("cache-control") == "no-store"


def test_reply_without_a_body_has_neither_length_nor_type(screens: Screens) -> None:
    """Of one that writes, and of one that reads; the service's reply is still checked."""
    empty = """
endpoint: DELETE /screen
status: 204
steps: {gone: {call: shop.cancel, with: {id: 3}}}
"""
    look = "endpoint: GET /look\nstatus: 204\nsteps: {user: {call: shop.get_user, with: {id: 1}}}\n"
    screen = screens({"a": empty, "b": look}, {"/orders/3": value_reply({}), "/users/1": user()})
    for method, target in (("DELETE", "/screen"), ("GET", "/look"), ("HEAD", "/look")):
        answer = screen.request(method, target)
        assert (answer.status, answer.body) == (204, b"")
        for name in ("content-length", "content-type", "transfer-encoding", "etag"):
            assert answer.header(name) is None
    screen.let("/users/1", value_reply({"id": "?"}))
    assert screen.get("/look").status == 502


def test_problem_of_a_composition_has_its_own_status_and_none_of_the_headers(
    screens: Screens,
) -> None:
    screen = screens(CREATE, {"/orders": reply(409)})
    answer = screen.post({"user_id": 1})
    assert (answer.status, answer.header("location")) == (409, None)
    assert answer.json()["steps"] == {"order": "failed"}


# ------------------------------------------------------------------------------ from the cache

KEPT = """
endpoint: GET /screen
params: {id: {type: integer, default: 1}, unused: {type: integer, default: 1}}
status: "${params.id == `1` && `200` || params.id == `2` && `303` || `204`}"
headers:
  Location: /users/${params.id}
  Content-Language: de
  X-Name: ${user.firstName}
steps: {user: {call: shop.get_user, with: {id: 7}}}
views: {short: [user.id], own: {response: '${user.firstName}'}}
cache: {ttl: 5m}
fields: {max: 5}
"""
OWN = ("location", "content-language", "x-name")


def kept(screens: Screens, **more: Any) -> Screen:
    return screens(KEPT, {"/users/7": user(7)}, **more)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_status_and_headers_are_stored_with_the_payload_in_every_form(
    screens: Screens, number: int
) -> None:
    screen = kept(screens)
    status = {1: 200, 2: 303, 3: 204}[number]
    first = screen.get(f"/screen?id={number}")
    for form in ("", "&view=short", "&view=own", "&fields=user.id", "&unused=2"):
        for method in ("GET", "HEAD"):
            answer = screen.request(method, f"/screen?id={number}{form}")
            assert is_hit(answer)
            assert answer.status == status
            assert [answer.header(name) for name in OWN] == [f"/users/{number}", "de", "Ann"]
            assert (answer.header("content-length") is None) == (status == 204)
            assert (answer.body == b"") == (status == 204 or method == "HEAD")
    assert first.status == status
    assert len(screen.calls()) == 1


def test_only_a_200_is_compared_with_what_the_client_has(screens: Screens) -> None:
    """RFC 9110 §13.2.1, §15.4.5: 304 stands in for a 200, and has the headers of that."""
    screen = kept(screens)
    tag = screen.get().header("etag")
    assert tag is not None
    for _ in range(2):
        answer = screen.get(**{"If-None-Match": tag})
        assert (answer.status, answer.body) == (304, b"")
        assert [answer.header(name) for name in OWN] == ["/users/1", "de", "Ann"]
    for number, status in ((2, 303), (3, 204)):
        for _ in range(2):
            answer = screen.get(f"/screen?id={number}", **{"If-None-Match": "*"})
            assert (answer.status, answer.header("etag")) == (status, None)


def test_status_and_headers_travel_between_workers(screens: Screens) -> None:
    with RedisServer() as redis:
        settings = Settings(log_level="warning", redis_url=redis.url)
        more = {"settings": settings, "gateway": "cache: {namespace: shop}"}
        one, two = kept(screens, **more), kept(screens, **more)
        made = one.get("/screen?id=2")
        until(redis.all_keys, bool)
        found = two.get("/screen?id=2")
        assert is_hit(found)
    assert (found.status, found.body) == (made.status, made.body)
    assert [found.header(name) for name in OWN] == ["/users/2", "de", "Ann"]


def test_stale_payload_goes_out_with_its_own_status(screens: Screens) -> None:
    text = KEPT.replace("ttl: 5m", "ttl: 1s, stale: 0s, stale_if_error: 1h")
    clock = Clock()
    screen = screens(text, {"/users/7": user(7)}, clock=clock)
    screen.get("/screen?id=2")
    screen.let("/users/7", reply(500))
    clock.now += 10
    answer = screen.get("/screen?id=2")
    assert (answer.status, answer.header("location")) == (303, "/users/2")
    assert "stale-if-error" in (answer.header("cache-status") or "")


def test_header_that_depends_on_the_caller_makes_the_payload_the_callers_own(
    screens: Screens,
) -> None:
    text = KEPT.replace("${user.firstName}\nsteps", "${claims.name}\nsteps")
    screen = screens(text, {"/users/7": user(7)}, identity=ByName())
    for name in ("ann", "bo", "ann"):
        assert screen.get(**bearer(name)).header("x-name") == name.title()
    assert len(screen.calls()) == 2


def test_page_of_another_origin_may_read_the_declared_headers(screens: Screens) -> None:
    screen = kept(screens, gateway="cors: {origins: ['https://shop.example']}")
    exposed = screen.get(Origin="https://shop.example").header("access-control-expose-headers")
    assert {"Location", "X-Name", "Content-Language", "ETag"} <= set((exposed or "").split(", "))


# ------------------------------------------------------------------------------ what may not go out

ECHO = """
endpoint: GET /screen
status: 302
headers: {Location: "${seen.value}", X-Name: "${seen.more || 'a'}"}
steps: {seen: {call: shop.look}}
"""
LISTED = "redirect_origins: ['https://pay.example']"


def test_redirect_to_a_listed_origin_goes_out_and_any_other_is_a_502(screens: Screens) -> None:
    screen = screens(ECHO.replace("seen.more", "seen.value"), gateway=LISTED)
    screen.let("/look", value_reply({"value": "https://pay.example/x?y=1"}))
    answer = screen.get()
    assert (answer.status, answer.header("location")) == (302, "https://pay.example/x?y=1")
    for given in ("https://evil.example/", "https://pay.example/\r\nSet-Cookie: evil=1", 7, None):
        screen.let("/look", value_reply({"value": given}))
        answer = screen.get()
        assert (answer.status, answer.json()["reason"]) == (502, "expression")
        assert answer.json()["detail"] == ("The response failed: an expression can't take a value.")
        assert answer.header("location") is None
        assert answer.header("set-cookie") is None
        assert b"evil" not in answer.body


def test_write_whose_reply_may_not_go_out_reports_what_is_done(screens: Screens) -> None:
    text = CREATE.replace("/orders/${order.id}", "${order.id}")
    screen = screens(text, {"/orders": value_reply(order(5))}, gateway=LISTED)
    answer = screen.post({"user_id": 1})
    assert (answer.status, answer.json()["steps"]) == (502, {"order": "done"})

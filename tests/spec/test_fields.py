"""`?fields=`: a client names what it wants of a payload, in a composition that allows it."""

import gzip
from typing import Any

import pytest

from tests.support.cache.answers import is_hit
from tests.support.gateway.screens import Screen, Screens, order, product, user, value_reply

HOME = """
    endpoint: GET /screen
    params: {unread: {type: string, default: a}}
    steps:
      user: {call: shop.get_user, with: {id: 1}}
      orders: {call: shop.list_orders, with: {user_id: 1}}
      best: {call: shop.list_bestsellers}
    response:
      user: {id: '${user.id}', name: '${user.firstName}'}
      orders: ${orders.orders}
      best: ${best}
    views: {short: [user.id]}
    fields: {max: 3}
    """
CACHED = HOME + "cache: {ttl: 5m}\n"
UPSTREAM = {
    "/users/1": user(),
    "/orders": value_reply({"orders": [order(5, 1), order(6)]}),
    "/bestsellers": value_reply([product(n) for n in range(60)]),
}


@pytest.fixture(params=[HOME, CACHED], ids=["uncached", "cached"])
def home(request: pytest.FixtureRequest, screens: Screens) -> Screen:
    return screens(request.param, UPSTREAM)


FIELDS: dict[str, Any] = {
    "user": {"user": {"id": 1, "name": "Ann"}},
    "user.name": {"user": {"name": "Ann"}},
    "user.name,orders.id": {"user": {"name": "Ann"}, "orders": [{"id": 5}, {"id": 6}]},
    "orders[].id": {"orders": [{"id": 5}, {"id": 6}]},
    "user.name%2Corders.id": {"user": {"name": "Ann"}, "orders": [{"id": 5}, {"id": 6}]},
    "user.name&fields=user.id": {"user": {"id": 1, "name": "Ann"}},
    "user.name,user.name,%20user.name%20,user.name": {"user": {"name": "Ann"}},
    "orders.items.quantity": {"orders": [{"items": [{"quantity": 1}]}, {"items": []}]},
}
WRONG = {
    "user.evil": "Known: id, name.",
    "evil.name": "Known: best, orders, user.",
    "user.name,orders.evil": "Known: id, items, total.",
    "user.name.evil": "There are no fields in 'name'.",
    "user" + ".evil" * 300: "A path has at most 20 names.",
}
REFUSED = {
    "fields=user,orders,best,user.id": "too_many_fields",
    f"fields={'user.name,' * 300}user": "too_many_fields",
    f"fields={'x' * 3000}": "too_many_fields",
    "fields=user.name&view=short": "view_and_fields",
    "view=short&fields=": "view_and_fields",
    "f%69elds=user&v%69ew=short": "view_and_fields",
} | {
    f"fields={text}": "bad_fields"
    for text in ("", ",", "user.name,", ".", "user..name", "${user}", "[]", "%00", "view")
}


def test_named_fields_go_out_in_the_payloads_own_shape(home: Screen) -> None:
    for fields, payload in FIELDS.items():
        for _ in range(2):
            answer = home.get(f"/screen?fields={fields}")
            assert (answer.status, answer.json()) == (200, payload), fields
    assert home.get().json().keys() == {"user", "orders", "best"}


def test_field_that_there_is_not_is_a_400_which_names_those_that_there_are(home: Screen) -> None:
    for fields, hint in WRONG.items():
        answer = home.get(f"/screen?fields={fields}")
        assert b"evil" not in answer.body
        document = answer.json()
        assert (answer.status, document["reason"]) == (400, "bad_fields")
        (error,) = document["errors"]
        assert (error["name"], error["in"]) == ("fields", "query")
        assert hint in error["detail"]
    assert home.calls() == []


def test_what_can_not_be_asked_for_is_refused(home: Screen) -> None:
    for query, reason in REFUSED.items():
        answer = home.get(f"/screen?{query}")
        assert (answer.status, answer.json()["reason"]) == (400, reason), query
    assert home.calls() == []


def test_payload_in_all_its_fields_and_views_is_asked_for_once(screens: Screens) -> None:
    screen = screens(CACHED, UPSTREAM)
    whole = screen.get()
    for query in ("fields=user.id", "fields=user.name,best.id", "view=short", "fields=best"):
        answer = screen.get(f"/screen?{query}")
        assert is_hit(answer)
        assert answer.header("etag") != whole.header("etag")
    assert len(screen.calls()) == 3


def test_order_of_the_fields_makes_no_other_reply(screens: Screens) -> None:
    screen = screens(CACHED, UPSTREAM)
    one = screen.get("/screen?fields=user.name,best.id")
    other = screen.get("/screen?fields=best.id,user.name,user.name")
    assert (one.body, one.header("etag")) == (other.body, other.header("etag"))
    tag = one.header("etag") or ""
    assert screen.get("/screen?fields=best.id,user.name", if_none_match=tag).status == 304
    assert screen.get("/screen?fields=best.id", if_none_match=tag).status == 200


def test_fields_come_in_every_coding(screens: Screens) -> None:
    screen = screens(CACHED, UPSTREAM)
    plain = screen.get("/screen?fields=best.id,best.title")
    for _ in range(2):
        coded = screen.get("/screen?fields=best.title,best.id", accept_encoding="gzip")
        assert coded.header("content-encoding") == "gzip"
        assert gzip.decompress(coded.body) == plain.body
    assert len(screen.calls()) == 3


def test_more_forms_than_are_kept_are_served_all_the_same(screens: Screens) -> None:
    screen = screens(CACHED.replace("max: 3", "max: 9"), UPSTREAM)
    names = ("user.id", "user.name", "orders.id", "orders.total", "best.id", "best.price")
    forms = [
        ",".join(name for bit, name in enumerate(names) if number >> bit & 1)
        for number in range(1, 2 ** len(names))
    ]
    for _ in range(2):
        assert len({screen.get(f"/screen?fields={form}").body for form in forms}) == 63
    assert len(screen.calls()) == 3


def test_composition_that_does_not_say_so_reads_no_fields(screens: Screens) -> None:
    screen = screens(CACHED.replace("fields: {max: 3}", ""), UPSTREAM)
    assert screen.get("/screen?fields=user.name").json().keys() == {"user", "orders", "best"}


def test_fields_may_be_a_param_where_they_are_not_allowed(screens: Screens) -> None:
    text = CACHED.replace("fields: {max: 3}", "").replace("unread:", "fields:")
    screen = screens(text.replace("best: ${best}", "best: '${params.fields}'"), UPSTREAM)
    assert screen.get("/screen?fields=user.name").json()["best"] == "user.name"

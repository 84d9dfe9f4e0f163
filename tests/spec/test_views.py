"""Views: the payload trimmed, or a form of its own, for one kind of client."""

import pytest

from tests.support.gateway.screens import Screens, order, product, user, value_reply
from tests.support.upstream.wire_scripts import reply

HOME = """
    endpoint: GET /screen
    steps:
      user: {call: shop.get_user, with: {id: 1}}
      orders: {call: shop.list_orders, with: {user_id: 1}, on_failure: optional}
      best: {call: shop.list_bestsellers}
    joins:
      - {into: orders.orders.items, as: product, from: best, match: {product_id: id}}
    response:
      user: {id: '${user.id}', name: '${user.firstName}'}
      orders: ${orders.orders}
      best: ${best}
    views:
      mobile: [user.name, orders.id, orders.items.product.title]
      brackets: ['orders[].id', best.title]
      whole: [user, orders.items]
      own:
        response: {greeting: 'Hello ${user.firstName}', ids: '${best[].id}', bad: '${degraded}'}
      list: {response: '${best[].title}'}
    """

UPSTREAM = {
    "/users/1": user(),
    "/orders": value_reply({"orders": [order(5, 1, 9), order(6)]}),
    "/bestsellers": value_reply([product(1)]),
}


@pytest.mark.parametrize(
    ("view", "payload"),
    [
        (
            "mobile",
            {
                "user": {"name": "Ann"},
                "orders": [
                    {"id": 5, "items": [{"product": {"title": "Hat"}}, {"product": None}]},
                    {"id": 6, "items": []},
                ],
            },
        ),
        ("brackets", {"orders": [{"id": 5}, {"id": 6}], "best": [{"title": "Hat"}]}),
        (
            "whole",
            {
                "user": {"id": 1, "name": "Ann"},
                "orders": [
                    {
                        "items": [
                            {"product_id": 1, "quantity": 1, "product": product(1)},
                            {"product_id": 9, "quantity": 1, "product": None},
                        ]
                    },
                    {"items": []},
                ],
            },
        ),
        ("own", {"greeting": "Hello Ann", "ids": [1], "bad": []}),
        ("list", ["Hat"]),
    ],
)
def test_view_has_the_paths_that_stay_or_a_form_of_its_own(
    screens: Screens, view: str, payload: object
) -> None:
    screen = screens(HOME, UPSTREAM)
    answer = screen.get(f"/screen?view={view}")
    assert (answer.status, answer.json()) == (200, payload)
    assert answer.header("content-type") == "application/json"


def test_every_step_runs_whatever_the_view(screens: Screens) -> None:
    screen = screens(HOME, UPSTREAM)
    screen.get("/screen?view=list")
    assert len(screen.calls()) == 3


def test_null_where_a_mask_goes_on_stays_null_and_a_view_tells_of_failures_too(
    screens: Screens,
) -> None:
    screen = screens(HOME, UPSTREAM | {"/orders": reply(500)})
    answer = screen.get("/screen?view=mobile")
    assert answer.json() == {"user": {"name": "Ann"}, "orders": None}
    assert "orders: status" in (answer.header("proxy-status") or "")
    own = screen.get("/screen?view=own").json()
    assert own["bad"] == [{"step": "orders", "reason": "status"}]


@pytest.mark.parametrize("view", ["tall", "Mobile", "", "mobile%20", "mobile,own"])
def test_unknown_view_is_404_with_the_list_of_views_and_asks_no_upstream(
    screens: Screens, view: str
) -> None:
    screen = screens(HOME, UPSTREAM)
    answer = screen.get(f"/screen?view={view}")
    assert answer.status == 404
    assert answer.header("content-type") == "application/problem+json"
    assert answer.json()["reason"] == "unknown_view"
    assert answer.json()["views"] == ["brackets", "list", "mobile", "own", "whole"]
    assert screen.calls() == []


def test_view_of_a_composition_without_views_is_unknown(screens: Screens) -> None:
    screen = screens(
        "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}", UPSTREAM
    )
    answer = screen.get("/screen?view=mobile")
    assert (answer.status, answer.json()["views"]) == (404, [])


def test_views_differ_in_their_tags_and_each_has_its_own_304(screens: Screens) -> None:
    screen = screens(HOME, UPSTREAM)
    targets = ("/screen", "/screen?view=mobile", "/screen?view=list")
    tags = {target: screen.get(target).header("etag") or "" for target in targets}
    assert len(set(tags.values())) == 3
    for target in targets:
        for other, tag in tags.items():
            status = screen.get(target, if_none_match=tag).status
            assert status == (304 if other == target else 200)


def test_write_has_views_too(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: POST /screen
        steps: {user: {call: shop.get_user, with: {id: 1}}}
        views: {short: [user.id]}
        """,
        UPSTREAM,
    )
    assert screen.post({}, "/screen?view=short").body == b'{"user":{"id":1}}'

"""`validate: used`: a screen is not taken down by what it doesn't show."""

import pytest

from tests.support.gateway.screens import Screens, order, value_reply

TITLES = """
    endpoint: GET /screen
    validate: used
    steps:
      page: {call: shop.list_products, with: {ids: [1]}}
    response: ${page.products[].title}
    """
NO_PRICE = {"/products": value_reply({"products": [{"id": 1, "title": "Hat", "price": "?"}]})}


def test_field_that_nobody_uses_may_break_the_schema(screens: Screens) -> None:
    assert screens(TITLES, NO_PRICE).get().json() == ["Hat"]


def test_with_full_or_without_a_word_it_fails_the_screen(screens: Screens) -> None:
    assert screens(TITLES.replace("used", "full"), NO_PRICE).get().status == 502
    assert screens(TITLES.replace("validate: used", ""), NO_PRICE).get().status == 502


@pytest.mark.parametrize("wrong", [{"title": 7}, {"title": None}, {}, "Hat"])
def test_field_that_is_used_is_held_to_the_schema(screens: Screens, wrong: object) -> None:
    answer = screens(TITLES, {"/products": value_reply({"products": [wrong]})}).get()
    assert answer.status == 502
    assert answer.json()["reason"] == "invalid"


def test_what_the_schema_lacks_never_goes_out(screens: Screens) -> None:
    text = """
    endpoint: GET /screen
    validate: used
    steps:
      page: {call: shop.list_orders, with: {user_id: 1}}
    response: "${page.orders[].items[]}"
    """
    item = {"product_id": 7, "quantity": 1}
    found = {"id": 4, "total": "?", "items": [item | {"cost": 2, "from": {"cost": 3}}]}
    answers = {"/orders": value_reply({"orders": [found | {"margin": 1}], "more": []})}
    assert screens(text, answers).get().json() == [item]


def test_step_goes_its_own_way(screens: Screens) -> None:
    text = """
    endpoint: GET /screen
    validate: used
    steps:
      page: {call: shop.list_products, with: {ids: [1]}, validate: full, on_failure: optional}
      orders: {call: shop.list_orders, with: {user_id: 1}}
    response: {titles: "${page.products[].title}", ids: "${orders.orders[].id}"}
    """
    orders = {"/orders": value_reply({"orders": [order(4) | {"total": "?"}]})}
    assert screens(text, NO_PRICE | orders).get().json() == {"titles": None, "ids": [4]}


def test_fallback_stands_in_for_what_is_used(screens: Screens) -> None:
    text = TITLES.replace(
        "{ids: [1]}}",
        "{ids: [1]}, on_failure: {fallback: {products: [{id: 1, title: A, price: 1}]}}}",
    )
    assert screens(text, {"/products": value_reply({"products": [{}]})}).get().json() == ["A"]

"""Writes and payloads that name more than can be purged one by one, or nobody knows what."""

import time

import pytest

from bff.plan.model.caching import MOST_TAGS
from bff.settings import Settings
from tests.support.cache.answers import cache_facts, is_hit
from tests.support.gateway.screens import Screen, Screens, order, product, user, value_reply
from tests.support.upstream.wire import Script
from tests.support.upstream.wire_scripts import json_reply, reply

QUIET = Settings(log_level="warning")
MANY_IDS = 120_000
NAMELESS = "a purge of more than 1000 tags, or of unknown ones: everything that has tags is purged"
COMPOSITIONS = {
    "best": """
        endpoint: GET /best
        steps: {best: {call: shop.list_bestsellers}}
        cache: {ttl: 5m, tags: ['product:${best[].id}']}
        """,
    "plain": """
        endpoint: GET /plain
        steps: {best: {call: shop.list_bestsellers}}
        cache: {ttl: 5m}
        """,
    "buy": """
        endpoint: POST /buy
        params:
          ids: {in: body, type: array, items: {type: integer}}
        steps: {order: {call: shop.create_order, with: {user_id: 1}}}
        purges: ['product:${params.ids}']
        """,
    "order": """
        endpoint: POST /order
        params:
          note: {in: body, type: string, default: ""}
        steps:
          user: {call: shop.get_user, with: {id: 1}, on_failure: optional}
          order: {call: shop.create_order, with: {user_id: 1}}
        purges: ['user:${user.id}', 'order:${order.id}', 'note:${params.note}']
        """,
    "bundle": """
        endpoint: POST /bundle
        steps:
          products:
            call: shop.get_product
            for_each: {over: '${[`50`, `51`]}', as: id, max: 2, on_failure: optional}
            with: {id: '${id}'}
          order: {call: shop.create_order, with: {user_id: 1}}
        purges: ['product:${products[].id}']
        """,
}


def shop(screens: Screens, products: int = 2) -> Screen:
    return screens(
        COMPOSITIONS,
        {
            "/bestsellers": value_reply([product(number) for number in range(products)]),
            "/orders": value_reply(order(5, 1)),
        },
        settings=QUIET,
    )


def test_write_that_names_as_many_tags_as_may_be_purges_these_alone(screens: Screens) -> None:
    screen = shop(screens)
    assert not is_hit(screen.get("/best"))
    assert screen.post({"ids": list(range(10, MOST_TAGS + 10))}, "/buy").status == 200
    assert is_hit(screen.get("/best"))
    assert screen.post({"ids": list(range(1, MOST_TAGS + 1))}, "/buy").status == 200
    assert not is_hit(screen.get("/best"))


def test_write_that_names_more_tags_purges_everything_that_has_tags_at_once(
    screens: Screens, caplog: pytest.LogCaptureFixture
) -> None:
    screen = shop(screens)
    for target in ("/best", "/plain"):
        screen.get(target)
    started = time.process_time()
    assert screen.post({"ids": list(range(10, MANY_IDS))}, "/buy").status == 200
    took = time.process_time() - started
    assert not is_hit(screen.get("/best"))
    assert is_hit(screen.get("/plain"))
    assert took < 0.5  # of computing: 120,000 integers are parsed and checked
    assert NAMELESS in caplog.text


@pytest.mark.parametrize(
    ("orders", "users", "note", "purges"),
    [
        (value_reply(order(5, 1)), user(1), "", False),
        (reply(504), user(1), "", True),
        (reply(204), user(1), "", True),
        (json_reply('{"id": "no number"}'), user(1), "", True),
        (reply(409), user(1), "", False),
        (value_reply(order(5, 1)), reply(500), "", True),
        (reply(409), reply(500), "", False),
        (value_reply(order(5, 1)), user(1), "x" * 1000, True),
    ],
    ids=[
        "all known", "504", "204", "breaks its schema", "not written", "a read failed",
        "not written, a read failed", "no tag holds it",
    ],
)  # fmt: skip
def test_write_with_a_tag_that_nobody_knows_purges_everything_that_has_tags(
    screens: Screens,
    caplog: pytest.LogCaptureFixture,
    orders: Script,
    users: Script,
    note: str,
    purges: bool,
) -> None:
    screen = shop(screens)
    screen.let("/orders", orders)
    screen.let("/users/1", users)
    for target in ("/best", "/plain"):
        screen.get(target)
    screen.post({"note": note}, "/order")
    assert is_hit(screen.get("/best")) is not purges
    assert is_hit(screen.get("/plain"))
    assert (NAMELESS in caplog.text) is purges


def test_payload_with_more_tags_than_may_be_is_served_and_not_stored(
    screens: Screens, caplog: pytest.LogCaptureFixture
) -> None:
    screen = shop(screens, products=MOST_TAGS + 1)
    for _ in range(2):
        answer = screen.get("/best")
        assert answer.status == 200
        assert cache_facts(answer) == {"fwd": "miss"}
    assert caplog.text.count("best: not stored: more than 1000 tags") == 1


def test_payload_with_as_many_tags_as_may_be_is_stored(screens: Screens) -> None:
    screen = shop(screens, products=MOST_TAGS)
    assert not is_hit(screen.get("/best"))
    assert is_hit(screen.get("/best"))


def test_write_whose_tags_lack_what_an_element_would_have_named_purges_everything(
    screens: Screens,
) -> None:
    screen = shop(screens)
    screen.let("/products/50", value_reply(product(50)))
    screen.let("/products/51", value_reply(product(51)))
    assert not is_hit(screen.get("/best"))
    assert screen.post({}, "/bundle").status == 200
    assert is_hit(screen.get("/best"))
    screen.let("/products/51", reply(500))
    answer = screen.post({}, "/bundle")
    assert (answer.status, answer.json()["products"][1]) == (200, None)
    assert not is_hit(screen.get("/best"))

"""`for_each`: one call per element, in a bounded number at once, results in element order."""

import threading

from tests.support.cache.answers import cache_facts
from tests.support.fake_time import Clock
from tests.support.gateway.screens import Screens, product, value_reply
from tests.support.upstream.wire import Exchange
from tests.support.upstream.wire_scripts import held, reply, when_arrived

EACH = """
    endpoint: GET /screen
    params: {ids: {type: array, items: {type: integer}, default: []}}
    steps:
      products:
        call: shop.get_product
        for_each: {over: '${params.ids}', as: id, max: 5, concurrency: 2}
        with: {id: '${id}'}
    """

LOOSE = """
    endpoint: GET /screen
    steps:
      loose: {call: shop.look}
      products:
        call: shop.get_product
        for_each: {over: '${loose.value}', as: each, max: 5}
        with: {id: '${each.id}'}
    response: {products: '${products}', warnings: '${degraded}'}
    """


def one(exchange: Exchange) -> None:
    """The product that was asked for."""
    value_reply(product(int(exchange.request.path.rpartition("/")[2])))(exchange)


def target(*ids: int) -> str:
    return "/screen?" + "&".join(f"ids={each}" for each in ids)


def test_value_has_an_element_for_each_in_their_order_repeats_included(screens: Screens) -> None:
    screen = screens(EACH, one)
    answer = screen.get(target(3, 1, 3, 2))
    assert [each["id"] for each in answer.json()["products"]] == [3, 1, 3, 2]
    assert sorted(screen.calls()) == [
        "GET /products/1",
        "GET /products/2",
        "GET /products/3",
    ]


def test_as_many_calls_as_concurrency_says_are_in_flight_and_no_more(screens: Screens) -> None:
    """The first two are held: no third arrives, and the first to be answered makes room for it."""
    first, second = threading.Event(), threading.Event()
    screen = screens(
        EACH,
        {
            "/products/1": held(first, one),
            "/products/2": held(second, one),
            "/products/3": when_arrived(3, one),
        },
    )
    answer = screen.begin(target(1, 2, 3))
    screen.upstream.wait_for_requests(2)
    assert sorted(screen.calls()) == ["GET /products/1", "GET /products/2"]
    second.set()
    screen.upstream.wait_for_requests(3)
    assert screen.calls()[2] == "GET /products/3"
    first.set()
    assert [each["id"] for each in answer.result().json()["products"]] == [1, 2, 3]


def test_failed_element_fails_the_step(screens: Screens) -> None:
    screen = screens(EACH, {"/products/1": one, "/products/2": reply(410), "/products/3": one})
    answer = screen.get(target(1, 2, 3))
    assert (answer.status, answer.json()["step"]) == (410, "products")


def test_more_elements_than_max_fail_the_step_before_any_call(screens: Screens) -> None:
    screen = screens(EACH, one)
    answer = screen.get(target(1, 1, 1, 1, 1, 1))
    assert (answer.status, answer.json()["reason"]) == (502, "too_many")
    assert screen.calls() == []


def test_value_that_a_param_refuses_in_one_element_stops_all_before_any_call(
    screens: Screens,
) -> None:
    screen = screens(LOOSE, {"/look": value_reply({"value": [{"id": 1}, {"id": "x"}]})})
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (502, "bad_input")
    assert screen.calls() == ["GET /look"]


def test_optional_element_that_fails_is_null_and_the_payload_is_not_stored_as_complete(
    screens: Screens,
) -> None:
    clock = Clock()
    screen = screens(
        f"{EACH.replace('concurrency: 2', 'on_failure: optional')}cache: {{ttl: 5m}}\n",
        {"/products/1": one, "/products/2": reply(500), "/products/3": one},
        clock=clock,
    )
    answer = screen.get(target(1, 2, 3))
    assert (answer.status, [each and each["id"] for each in answer.json()["products"]]) == (
        200,
        [1, None, 3],
    )
    assert "products: status" in (answer.header("proxy-status") or "")
    assert cache_facts(answer) == {"fwd": "miss"}
    screen.let("/products/2", one)
    clock.now += 2
    assert [each["id"] for each in screen.get(target(1, 2, 3)).json()["products"]] == [1, 2, 3]

"""`batch`: one call per chunk of distinct elements, and their lists joined in chunk order."""

from tests.support.gateway.screens import Screens, order, product, value_reply
from tests.support.upstream.wire import Exchange
from tests.support.upstream.wire_scripts import json_reply, when_arrived

PRODUCTS = """
    endpoint: GET /screen
    params: {ids: {type: array, items: {type: integer}, default: []}}
    steps:
      products:
        call: shop.list_products
        with: {ids: '${params.ids}'}
        batch: {over: ids, size: 2, max: 5, select: products}
    """


def by_ids(exchange: Exchange) -> None:
    """The products that were asked for, in the order of asking."""
    ids = exchange.request.target.partition("ids=")[2].split(",")
    value_reply({"products": [product(int(each)) for each in ids]})(exchange)


def target(*ids: int) -> str:
    return "/screen?" + "&".join(f"ids={each}" for each in ids)


def ids_of(answer: object) -> list[int]:
    return [each["id"] for each in answer.json()["products"]]  # type: ignore[attr-defined]


def test_distinct_elements_are_asked_for_in_chunks_and_joined_in_order(screens: Screens) -> None:
    screen = screens(PRODUCTS, {"/products": by_ids})
    answer = screen.get(target(5, 3, 5, 1, 3, 4, 2))
    assert ids_of(answer) == [5, 3, 1, 4, 2]
    assert sorted(screen.calls()) == [
        "GET /products?ids=1,4",
        "GET /products?ids=2",
        "GET /products?ids=5,3",
    ]


def test_chunks_are_in_flight_together_and_joined_in_chunk_order_whoever_answers_first(
    screens: Screens,
) -> None:
    """No chunk is answered before all three have arrived."""
    screen = screens(PRODUCTS, {"/products": when_arrived(3, by_ids)})
    assert ids_of(screen.get(target(1, 2, 3, 4, 5))) == [1, 2, 3, 4, 5]


def test_batch_over_lists_that_other_steps_returned_drops_nulls_and_repeats(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          orders: {call: shop.list_orders, with: {user_id: 1}}
          products:
            call: shop.list_products
            with: {ids: '${orders.orders[].items[].product_id}'}
            batch: {over: ids, size: 50, max: 100, select: products}
        response: ${products[].id}
        """,
        {
            "/orders": value_reply({"orders": [order(1, 7, 8), order(2), order(3, 8, 9)]}),
            "/products": by_ids,
        },
    )
    assert screen.get().json() == [7, 8, 9]
    assert screen.calls()[1:] == ["GET /products?ids=7,8,9"]


def test_batch_without_select_joins_the_replies_themselves(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {ids: {type: array, items: {type: integer}}}
        steps:
          products:
            call: shop.list_by_ids
            with: {ids: '${params.ids}'}
            batch: {over: ids, size: 1, max: 3}
        """,
        {
            "/by-ids": when_arrived(
                3,
                lambda exchange: (
                    json_reply("[]")
                    if exchange.request.target.endswith("=2")
                    else value_reply([product(int(exchange.request.target[-1]))])
                )(exchange),
            )
        },
    )
    answer = screen.get(target(3, 2, 1))
    assert answer.json() == {"products": [product(3), product(1)]}
    assert sorted(screen.calls()) == ["GET /by-ids?ids=1", "GET /by-ids?ids=2", "GET /by-ids?ids=3"]

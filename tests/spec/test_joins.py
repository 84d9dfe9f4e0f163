"""Joins: what one step returned, put into what another returned, after all steps."""

from tests.support.gateway.screens import Screens, order, product, value_reply

JOINED = """
    endpoint: GET /screen
    steps:
      orders: {call: shop.list_orders, with: {user_id: 1}}
      products: {call: shop.list_products, with: {ids: [1]}}
    joins:
      - {into: orders.orders.items, as: product, from: products.products, match: {product_id: id}}
    response: ${orders.orders[].items[].product.title}
    """


def upstream(orders: list[object], products: list[object]) -> dict[str, object]:
    return {
        "/orders": value_reply({"orders": orders}),
        "/products": value_reply({"products": products}),
    }


def test_match_is_put_into_every_object_at_the_path_and_the_step_stays_whole_otherwise(
    screens: Screens,
) -> None:
    screen = screens(
        JOINED.replace("response: ${orders.orders[].items[].product.title}", ""),
        upstream([order(1, 7, 8), order(2), order(3, 7)], [product(7, "Hat"), product(8, "Cap")]),
    )
    body = screen.get().json()
    assert [
        [each["product"]["title"] for each in o["items"]] for o in body["orders"]["orders"]
    ] == [
        ["Hat", "Cap"],
        [],
        ["Hat"],
    ]
    assert body["products"] == {"products": [product(7, "Hat"), product(8, "Cap")]}
    assert body["orders"]["orders"][0]["total"] == 1.5


def test_source_of_a_failed_step_gives_nulls(screens: Screens) -> None:
    screen = screens(
        JOINED.replace("ids: [1]}", "ids: [1]}, on_failure: optional").replace(
            "${orders.orders[].items[].product.title}", "${orders.orders[0].items[0]}"
        ),
        {"/orders": value_reply({"orders": [order(1, 7)]})},
    )
    answer = screen.get()
    assert answer.json() == {"product_id": 7, "quantity": 1, "product": None}
    assert "products: status" in (answer.header("proxy-status") or "")


def test_steps_see_unjoined_values_and_only_the_response_sees_joined_ones(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          orders: {call: shop.list_orders, with: {user_id: 1}}
          products: {call: shop.list_products, with: {ids: [1]}}
          look:
            call: shop.look
            with: {whole: "${length(keys(orders.orders[0].items[0] || `{}`))}"}
        joins:
          - into: orders.orders.items
            as: product
            from: products.products
            match: {product_id: id}
        response: ${length(keys(orders.orders[0].items[0] || `{}`))}
        """,
        upstream([order(1, 7)], [product(7)]) | {"/look": value_reply({})},
    )
    assert screen.get().json() == 3
    assert "GET /look?whole=2" in screen.calls()


def test_later_join_walks_into_what_an_earlier_one_put_there(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          orders: {call: shop.list_orders, with: {user_id: 1}}
          products: {call: shop.list_products, with: {ids: [1]}}
          best: {call: shop.list_bestsellers}
        joins:
          - into: orders.orders.items
            as: product
            from: products.products
            match: {product_id: id}
          - {into: orders.orders.items.product, as: like, from: best, match: {title: title}}
        response: ${orders.orders[].items[].product.like.price}
        """,
        upstream([order(1, 7)], [product(7, "Hat")])
        | {"/bestsellers": value_reply([product(70, "Hat", 99.0)])},
    )
    assert screen.get().json() == [99.0]


def test_match_of_several_fields_asks_for_all_of_them(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          best: {call: shop.list_bestsellers}
          products: {call: shop.list_products, with: {ids: [1]}}
        joins:
          - {into: best, as: twin, from: products.products, match: {id: id, title: title}}
        response: ${best[].twin.price}
        """,
        {
            "/bestsellers": value_reply([product(1, "Hat"), product(2, "Cap")]),
            "/products": value_reply({"products": [product(1, "Cap", 1), product(2, "Cap", 2)]}),
        },
    )
    assert screen.get().json() == [2.0]


def test_join_of_several_matches_by_an_expression_as_source(screens: Screens) -> None:
    screen = screens(
        JOINED.replace("from: products.products", "from: 'products.products[?price > `5`]'"),
        upstream([order(1, 7, 8)], [product(7, "Hat", 9), product(8, "Pin", 1)]),
    )
    assert screen.get().json() == ["Hat"]


def test_join_that_would_make_hundreds_of_megabytes_of_small_replies_is_too_large(
    screens: Screens,
) -> None:
    """16 KB of orders and 0.5 MB of a product would make 300 MB."""
    screen = screens(
        JOINED.replace("response: ${orders.orders[].items[].product.title}", ""),
        upstream([order(1, *[7] * 600)], [product(7, "x" * 500_000)]),
    )
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (502, "too_large")
    assert "step" not in answer.json()


def test_list_of_all_that_match_and_values_by_key_and_parents_without_any_dropped(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          best: {call: shop.list_bestsellers}
          orders: {call: shop.list_orders, with: {user_id: 1}}
          look: {call: shop.look}
        joins:
          - into: best
            as: sold
            from: ${orders.orders[].items[]}
            match: {id: product_id}
            many: true
          - {into: best, as: shelf, from: '${look.value}', key: id, missing: drop}
        response: '${best[].{id: id, sold: sold[].quantity, shelf: shelf}}'
        """,
        {
            "/bestsellers": value_reply([product(7), product(8), product(9)]),
            "/orders": value_reply({"orders": [order(1, 7, 9), order(2, 7)]}),
            "/look": value_reply({"value": {"7": "top", "8": {"row": 2}, "9": None}}),
        },
    )
    assert screen.get().json() == [
        {"id": 7, "sold": [1, 1], "shelf": "top"},
        {"id": 8, "sold": [], "shelf": {"row": 2}},
    ]

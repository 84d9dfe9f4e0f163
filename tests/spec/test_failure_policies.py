"""Steps that fail and take nothing down with them: what the payload holds instead."""

from tests.support.gateway.screens import Screens, user, value_reply
from tests.support.upstream.wire_scripts import refusing_url, reply, when_arrived


def test_failed_optional_step_is_null_under_its_key_and_named_in_proxy_status(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}}
          orders: {call: shop.list_orders, with: {user_id: 1}, on_failure: optional}
        """,
        {"/users/1": user(), "/orders": reply(500)},
    )
    answer = screen.get()
    assert answer.status == 200
    assert answer.json()["orders"] is None
    assert answer.json()["user"]["firstName"] == "Ann"
    assert answer.header("proxy-status") == (
        'bff; error=http_request_error; received-status=500; details="orders: status"'
    )


def test_failed_step_with_a_fallback_is_that_value_for_all_who_read_it(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          orders:
            call: shop.list_orders
            with: {user_id: 1}
            on_failure:
              fallback: {orders: [{id: 9, total: 2, items: [{product_id: 4, quantity: 1}]}]}
          product:
            call: shop.get_product
            with: {id: '${orders.orders[0].items[0].product_id}'}
        response:
          orders: ${orders.orders}
          title: ${product.title}
          warnings: ${degraded}
        """,
        {"/orders": reply(500), "/products/4": value_reply({"id": 4, "title": "Hat", "price": 1})},
    )
    answer = screen.get()
    assert answer.json() == {
        "orders": [{"id": 9, "total": 2.0, "items": [{"product_id": 4, "quantity": 1}]}],
        "title": "Hat",
        "warnings": [{"step": "orders", "reason": "status"}],
    }


def test_degraded_is_empty_in_a_complete_payload_and_in_declared_order_otherwise(
    screens: Screens,
) -> None:
    """`b` fails before `a`, and is still told after it."""
    screen = screens(
        """
        endpoint: GET /screen/{id}
        params: {id: {type: integer}}
        steps:
          a: {call: shop.get_user, with: {id: '${params.id}'}, on_failure: optional}
          b: {call: shop.get_product, with: {id: '${params.id}'}, on_failure: optional}
          after_b: {call: shop.list_bestsellers, after: b}
        response: ${degraded}
        """,
        {
            "/users/1": user(),
            "/products/1": value_reply({"id": 1, "title": "Hat", "price": 1}),
            "/users/2": when_arrived(6, reply(500)),
            "/products/2": value_reply("no product"),
            "/bestsellers": value_reply([]),
        },
    )
    complete = screen.get("/screen/1")
    assert complete.json() == []
    assert complete.header("proxy-status") is None
    degraded = screen.get("/screen/2")
    assert degraded.json() == [
        {"step": "a", "reason": "status"},
        {"step": "b", "reason": "invalid"},
    ]
    assert degraded.header("proxy-status") == (
        'bff; error=http_request_error; received-status=500; details="a: status", '
        'bff; error=http_protocol_error; received-status=200; details="b: invalid"'
    )


def test_step_skipped_because_its_input_failed_is_null_and_degraded(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}, on_failure: optional}
          orders: {call: shop.list_orders, with: {user_id: '${user.id}'}}
        response: {orders: '${orders}', warnings: '${degraded}'}
        """,
        {"/users/1": reply(500)},
    )
    answer = screen.get()
    assert answer.json() == {
        "orders": None,
        "warnings": [
            {"step": "user", "reason": "status"},
            {"step": "orders", "reason": "input_failed"},
        ],
    }
    assert 'error=proxy_internal_response; details="orders: input_failed"' in (
        answer.header("proxy-status") or ""
    )
    assert screen.calls() == ["GET /users/1"]


def test_service_that_refuses_connections_fails_the_step_and_no_address_gets_out(
    screens: Screens,
) -> None:
    with refusing_url() as url:
        screen = screens(
            """
            endpoint: GET /screen
            steps:
              lost: {call: gone.get, on_failure: optional}
              user: {call: shop.get_user, with: {id: 1}}
            """,
            {"/users/1": user()},
            services={
                "gone": f"""
                base: {url}
                operations:
                  get: {{request: GET /x, returns: schemas.shop:Loose}}
                """
            },
        )
        answer = screen.get()
    assert answer.json()["lost"] is None
    status = answer.header("proxy-status") or ""
    assert status == 'bff; error=connection_refused; details="lost: refused"'
    assert "127.0.0.1" not in status


def test_fallback_is_the_same_in_every_request_though_joins_add_to_it(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen/{product}
        params: {product: {type: integer}}
        steps:
          orders:
            call: shop.list_orders
            with: {user_id: 1}
            on_failure:
              fallback: {orders: [{id: 9, total: 2, items: [{product_id: 4, quantity: 1}]}]}
          products: {call: shop.list_products, with: {ids: ['${params.product}']}}
        joins:
          - into: orders.orders.items
            as: product
            from: products.products
            match: {product_id: id}
        response: ${orders.orders[0].items[0].product.title}
        """,
        {
            "/orders": reply(500),
            "/products": value_reply({"products": [{"id": 4, "title": "Hat", "price": 1}]}),
        },
    )
    assert screen.get("/screen/4").json() == "Hat"
    screen.let("/products", value_reply({"products": []}))
    assert screen.get("/screen/4").json() is None


def test_fallback_may_be_taken_by_a_step_in_for_each_and_batch(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          each:
            call: shop.get_product
            for_each: {over: '${params.ids}', as: id, max: 5}
            with: {id: '${id}'}
            on_failure: {fallback: []}
          all:
            call: shop.list_products
            with: {ids: '${params.ids}'}
            batch: {over: ids, size: 2, max: 5, select: products}
            on_failure: {fallback: [{id: 1, title: None at all, price: 0}]}
        params:
          ids: {type: array, items: {type: integer}, default: [1, 2, 3]}
        """,
        {"/products": reply(500)},
    )
    assert screen.get().json() == {
        "each": [],
        "all": [{"id": 1, "title": "None at all", "price": 0.0}],
    }

"""Steps that fail: what the payload holds instead, or who speaks when there is none."""

import threading

import pytest

from tests.support.screens import Screens, order, user, value_reply
from tests.support.wire_scripts import held, never, refusing_url, reply, then_reset, when_arrived


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


def test_failed_required_step_fails_the_composition_and_is_named(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}}
          orders: {call: shop.list_orders, with: {user_id: 1}, on_failure: fail}
        """,
        {"/users/1": user(), "/orders": reply(500)},
    )
    answer = screen.get()
    assert answer.status == 502
    assert answer.header("content-type") == "application/problem+json"
    assert answer.json()["step"] == "orders"
    assert answer.json()["reason"] == "status"
    assert answer.header("proxy-status") == (
        'bff; error=http_request_error; received-status=500; details="orders: status"'
    )
    assert b"Ann" not in answer.body


def test_failed_required_step_speaks_though_another_call_is_still_unanswered(
    screens: Screens,
) -> None:
    """Nobody waits for the call that is given up; its connection ends with its own timeout."""
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}, timeout: 1s}
          orders: {call: shop.list_orders, with: {user_id: 1}}
        """,
        {"/users/1": never(), "/orders": when_arrived(2, reply(404))},
    )
    assert screen.get().status == 404
    assert screen.upstream.peers_left == 0
    screen.upstream.wait_until(lambda server: server.peers_left == 1)


def test_first_required_step_to_fail_speaks_whatever_the_declared_order(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}}
          orders: {call: shop.list_orders, with: {user_id: 1}}
        """,
        {"/users/1": never(), "/orders": when_arrived(2, reply(409))},
    )
    answer = screen.get()
    assert (answer.status, answer.json()["step"]) == (409, "orders")


def test_step_that_depends_on_a_failed_required_one_is_never_called(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}}
          orders: {call: shop.list_orders, with: {user_id: '${user.id}'}}
        """,
        {"/users/1": reply(404)},
    )
    assert screen.get().status == 404
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


def test_connection_reset_fails_the_step(screens: Screens) -> None:
    screen = screens(
        "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}",
        {"/users/1": then_reset(b"")},
    )
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (502, "disconnected")


@pytest.mark.parametrize("policy", ["optional", "{fallback: {orders: []}}"])
def test_value_that_no_function_takes_fails_the_step_and_never_the_gateway(
    screens: Screens, policy: str
) -> None:
    """`Loose.value` may be anything, so the checker lets it through; here it is a text."""
    screen = screens(
        f"""
        endpoint: GET /screen
        steps:
          loose: {{call: shop.look}}
          orders:
            call: shop.list_orders
            with: {{user_id: '${{abs(loose.value)}}'}}
            on_failure: {policy}
        response: {{warnings: '${{degraded}}'}}
        """,
        {"/look": value_reply({"value": "text"})},
    )
    answer = screen.get()
    assert answer.status == 200
    assert answer.json() == {"warnings": [{"step": "orders", "reason": "expression"}]}


def test_value_that_no_function_takes_in_the_response_is_a_502(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps: {loose: {call: shop.look}}
        response: {sum: '${sum(loose.value)}'}
        """,
        {"/look": value_reply({"value": ["a"]})},
    )
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (502, "expression")
    assert "step" not in answer.json()


def test_value_that_an_operations_param_refuses_is_never_sent(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          loose: {call: shop.look}
          user: {call: shop.get_user, with: {id: '${loose.value}'}}
        """,
        {"/look": value_reply({"value": 0})},
    )
    answer = screen.get()
    assert (answer.status, answer.json()["step"], answer.json()["reason"]) == (
        502,
        "user",
        "bad_input",
    )
    assert screen.calls() == ["GET /look"]


def test_failure_of_one_request_leaves_others_alone(screens: Screens) -> None:
    gate = threading.Event()
    screen = screens(
        """
        endpoint: GET /screen/{id}
        params: {id: {type: integer}}
        steps: {user: {call: shop.get_user, with: {id: '${params.id}'}}}
        """,
        {"/users/1": held(gate, user()), "/users/2": reply(500)},
    )
    good = screen.begin("/screen/1")
    screen.upstream.wait_for_requests(1)
    assert screen.get("/screen/2").status == 502
    gate.set()
    assert good.result().json()["user"]["firstName"] == "Ann"


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


def test_orders_of_a_user_come_whole_when_nothing_fails(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          orders:
            call: shop.list_orders
            with: {user_id: 1}
            on_failure: {fallback: {orders: []}}
        response: {orders: '${orders.orders}', warnings: '${degraded}'}
        """,
        {"/orders": value_reply({"orders": [order(1, 2)]})},
    )
    assert screen.get().json() == {"orders": [order(1, 2)], "warnings": []}

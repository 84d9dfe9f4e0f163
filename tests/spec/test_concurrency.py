"""When steps start: at once, or the moment that what they refer to is there."""

import json
import threading

from tests.support.gateway.screens import Screens, order, product, user, value_reply
from tests.support.upstream.wire_scripts import held, reply, when_arrived

HOME = """
    endpoint: GET /screens/home/{user_id}
    params:
      user_id: {type: integer, minimum: 1}
    steps:
      user: {call: shop.get_user, with: {id: '${params.user_id}'}}
      orders: {call: shop.list_orders, with: {user_id: '${params.user_id}'}}
      bestsellers: {call: shop.list_bestsellers}
    """


def test_steps_that_need_nothing_from_each_other_are_all_in_flight_at_once(
    screens: Screens,
) -> None:
    screen = screens(
        HOME,
        {
            "/users/1": when_arrived(3, user()),
            "/orders": when_arrived(3, value_reply({"orders": []})),
            "/bestsellers": when_arrived(3, value_reply([])),
        },
    )
    answer = screen.get("/screens/home/1")
    assert answer.status == 200
    assert answer.json()["user"]["firstName"] == "Ann"
    assert sorted(screen.calls()) == [
        "GET /bestsellers",
        "GET /orders?user_id=1&limit=10",
        "GET /users/1",
    ]


def test_step_starts_when_its_own_inputs_are_there_though_an_earlier_step_still_waits(
    screens: Screens,
) -> None:
    """`product` needs `orders` alone; `user` is answered only once `product` was asked for."""
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}}
          orders: {call: shop.list_orders, with: {user_id: 1}}
          product:
            call: shop.get_product
            with: {id: '${orders.orders[0].items[0].product_id}'}
        """,
        {
            "/users/1": when_arrived(3, user()),
            "/orders": value_reply({"orders": [order(5, 7)]}),
            "/products/7": value_reply(product(7)),
        },
    )
    assert screen.get().json()["product"]["id"] == 7
    calls = screen.calls()
    assert calls.index("GET /products/7") > calls.index("GET /orders?user_id=1&limit=10")


def test_step_waits_for_what_after_names_though_it_reads_nothing_of_it(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          late: {call: shop.get_user, with: {id: 2}, after: early}
          early: {call: shop.get_user, with: {id: 1}}
        """,
        {"/users/1": user(1), "/users/2": user(2, "Bo")},
    )
    assert screen.get().status == 200
    assert screen.calls() == ["GET /users/1", "GET /users/2"]


def test_step_after_a_failed_optional_one_still_runs(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          early: {call: shop.get_user, with: {id: 1}, on_failure: optional}
          late: {call: shop.get_user, with: {id: 2}, after: [early]}
        """,
        {"/users/1": reply(500), "/users/2": user(2, "Bo")},
    )
    answer = screen.get()
    assert answer.json()["early"] is None
    assert answer.json()["late"]["firstName"] == "Bo"


def test_payload_is_the_same_whoever_answers_first(screens: Screens) -> None:
    """A step that was waiting for another's value shows that this value has come."""
    gates = {"/users/1": threading.Event(), "/users/2": threading.Event()}
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          ann: {call: shop.get_user, with: {id: 1}}
          bo: {call: shop.get_user, with: {id: 2}}
          after_ann: {call: shop.get_product, with: {id: '${ann.id}'}}
          after_bo: {call: shop.get_product, with: {id: '${bo.id}'}}
        """,
        {
            "/users/1": held(gates["/users/1"], user(1, "Ann")),
            "/users/2": held(gates["/users/2"], user(2, "Bo")),
            "/products/1": value_reply(product(1)),
            "/products/2": value_reply(product(2)),
        },
    )
    bodies = []
    for first, second in (("/users/1", "/users/2"), ("/users/2", "/users/1")):
        before = len(screen.calls())
        answer = screen.begin()
        screen.upstream.wait_for_requests(before + 2)
        gates[first].set()
        screen.upstream.wait_for_requests(before + 3)
        assert screen.calls()[before + 2] == f"GET {first.replace('users', 'products')}"
        gates[second].set()
        bodies.append(answer.result().body)
        for gate in gates.values():
            gate.clear()
    assert bodies[0] == bodies[1]
    assert list(json.loads(bodies[0])) == ["ann", "bo", "after_ann", "after_bo"]


def test_requests_of_many_clients_run_beside_each_other(screens: Screens) -> None:
    """Each call is answered only when all nine of three requests have arrived."""
    screen = screens(
        HOME,
        {
            "/users/1": when_arrived(9, user()),
            "/orders": when_arrived(9, value_reply({"orders": []})),
            "/bestsellers": when_arrived(9, value_reply([])),
        },
    )
    begun = [screen.begin("/screens/home/1") for _ in range(3)]
    assert [each.result().status for each in begun] == [200, 200, 200]

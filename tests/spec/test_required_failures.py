"""Required steps that fail: no payload, and who speaks when several did."""

import threading

from tests.support.gateway.screens import Screens, user, value_reply
from tests.support.upstream.wire_scripts import held, never, reply, then_reset, when_arrived


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
    """Nobody waits for the call that is given up, and its connection is closed at once."""
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
    screen.upstream.wait_until(lambda server: server.peers_left == 1)


def test_connection_reset_fails_the_step(screens: Screens) -> None:
    screen = screens(
        "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}",
        {"/users/1": then_reset(b"")},
    )
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (502, "disconnected")


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

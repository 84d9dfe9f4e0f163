"""Compositions that write: declared order, no second try, and what became of each step."""

import pytest

from tests.support.gateway.screens import Screens, order, user, value_reply
from tests.support.upstream.wire import Script
from tests.support.upstream.wire_scripts import (
    head,
    in_turn,
    json_reply,
    never,
    refusing_url,
    reply,
    then_close,
    then_reset,
)

BUY = """
    endpoint: POST /screen
    params:
      user_id: {in: body, type: integer, minimum: 1}
    steps:
      user: {call: shop.get_user, with: {id: '${params.user_id}'}}
      order: {call: shop.create_order, with: {user_id: '${user.id}', note: hi}}
      payment: {call: shop.pay, with: {order_id: '${order.id}'}}
      cancelled: {call: shop.cancel, with: {id: 3}}
    response: {order: '${order.id}'}
    """

GOOD = {
    "/users/1": user(),
    "/orders": value_reply(order(5)),
    "/payments": value_reply({}),
    "/orders/3": value_reply({}),
}


def test_steps_run_in_declared_order_though_they_need_nothing_from_each_other(
    screens: Screens,
) -> None:
    screen = screens(BUY, GOOD)
    answer = screen.post({"user_id": 1})
    assert (answer.status, answer.json()) == (200, {"order": 5})
    assert screen.calls() == ["GET /users/1", "POST /orders", "POST /payments", "DELETE /orders/3"]
    assert screen.upstream.requests[1].body == b'{"user_id":1,"note":"hi"}'
    assert screen.upstream.requests[1].header("content-type") == "application/json"


def test_null_for_a_required_body_param_is_the_clients_400_and_nothing_is_written(
    screens: Screens,
) -> None:
    text = BUY.replace("type: integer, minimum: 1", "type: integer, required: false")
    screen = screens(text.replace("'${user.id}', note", "'${params.user_id}', note"), GOOD)
    answer = screen.post({})
    assert (answer.status, answer.json()["reason"]) == (400, "bad_params")
    assert answer.json()["step"] == "order"
    assert answer.json()["steps"] == {
        "user": "not started",
        "order": "not started",
        "payment": "not started",
        "cancelled": "not started",
    }
    assert screen.calls() == []


def test_param_that_a_later_step_can_not_send_is_refused_before_the_first_write(
    screens: Screens,
) -> None:
    """Whoever mends the param and repeats the request orders once."""
    screen = screens(
        """
        endpoint: POST /screen
        params: {n: {in: body, type: integer, required: false}}
        steps:
          order: {call: shop.create_order, with: {user_id: 1}}
          payment: {call: shop.pay, with: {order_id: '${params.n}'}}
        """,
        GOOD,
    )
    answer = screen.post({})
    assert (answer.status, answer.json()["step"]) == (400, "payment")
    assert answer.json()["steps"] == {"order": "not started", "payment": "not started"}
    assert screen.calls() == []
    assert screen.post({"n": 5}).status == 200
    assert screen.calls() == ["POST /orders", "POST /payments"]


def test_reply_of_a_write_is_never_stored(screens: Screens) -> None:
    screen = screens(BUY, GOOD)
    for calls in (4, 8):
        answer = screen.post({"user_id": 1})
        assert answer.header("cache-control") == "no-store"
        assert answer.header("etag") is None
        assert answer.header("cache-status") == "bff; fwd=method"
        assert len(screen.calls()) == calls


@pytest.mark.parametrize(
    ("payment", "status", "state", "timeout"),
    [
        (reply(500), 502, "unknown", "10s"),
        (reply(504), 504, "unknown", "10s"),
        (reply(204), 502, "done", "10s"),
        (reply(409), 409, "failed", "10s"),
        (never(), 504, "unknown", "300ms"),
        (then_reset(b""), 502, "unknown", "10s"),
        (then_close(head(200, [("Content-Length", "9")]) + b"{"), 502, "unknown", "10s"),
        (json_reply("<html>"), 502, "done", "10s"),
    ],
    ids=["500", "504", "204", "409", "no answer", "reset", "cut off", "unreadable"],
)
def test_failed_write_tells_of_each_step_and_is_never_tried_again(
    screens: Screens, payment: Script, status: int, state: str, timeout: str
) -> None:
    screen = screens(BUY, GOOD | {"/payments": payment}, service=f"timeout: {timeout}\n")
    answer = screen.post({"user_id": 1})
    assert answer.status == status
    assert answer.json()["step"] == "payment"
    assert answer.json()["steps"] == {
        "user": "done",
        "order": "done",
        "payment": state,
        "cancelled": "not started",
    }
    assert screen.calls() == ["GET /users/1", "POST /orders", "POST /payments"]


def test_write_to_a_service_that_refuses_connections_has_failed_for_certain(
    screens: Screens,
) -> None:
    with refusing_url() as url:
        screen = screens(
            """
            endpoint: POST /screen
            steps:
              order: {call: shop.create_order, with: {user_id: 1}}
              mail: {call: gone.send}
            """,
            GOOD,
            services={
                "gone": f"""
                base: {url}
                operations:
                  send: {{request: POST /x, returns: schemas.shop:Loose}}
                """
            },
        )
        answer = screen.post({})
    assert answer.json()["steps"] == {"order": "done", "mail": "failed"}


def test_write_on_a_connection_that_the_service_closed_is_not_sent_twice(
    screens: Screens,
) -> None:
    """The first request leaves a kept connection, on which the second gets a reset."""
    screen = screens(
        """
        endpoint: POST /screen
        steps: {order: {call: shop.create_order, with: {user_id: 1}}}
        """,
        {"/orders": in_turn(value_reply(order(5)), then_reset(b""), value_reply(order(6)))},
    )
    assert screen.post({}).status == 200
    answer = screen.post({})
    assert (answer.status, answer.json()["steps"]) == (502, {"order": "unknown"})
    assert len(screen.calls()) == 2
    assert screen.post({}).status == 200


def test_optional_step_of_a_write_may_fail_and_the_next_still_runs(screens: Screens) -> None:
    screen = screens(
        BUY.replace("with: {order_id: '${order.id}'}", "with: {order_id: 1}, on_failure: optional"),
        GOOD | {"/payments": reply(500)},
    )
    answer = screen.post({"user_id": 1})
    assert (answer.status, answer.json()) == (200, {"order": 5})
    assert "payment: status" in (answer.header("proxy-status") or "")
    assert screen.calls()[-1] == "DELETE /orders/3"


def test_same_writes_at_once_are_two_writes(screens: Screens) -> None:
    """Neither is answered before both have arrived."""
    screen = screens(
        "{endpoint: POST /screen, steps: {order: {call: shop.create_order, with: {user_id: 1}}}}",
        {"/orders": lambda exchange: (
            exchange.server.wait_for_requests(2), value_reply(order(5))(exchange)
        )[1]},
    )  # fmt: skip
    first = screen._threads.submit(screen.post, {})
    assert screen.post({}).status == 200
    assert first.result().status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_method_that_writes_is_a_write(screens: Screens, method: str) -> None:
    screen = screens(
        f"""
        endpoint: {method} /screen/{{id}}
        params: {{id: {{type: integer}}}}
        steps:
          second: {{call: shop.get_user, with: {{id: '${{params.id}}'}}}}
          first: {{call: shop.create_order, with: {{user_id: '${{params.id}}'}}}}
        """,
        {"/users/1": user(), "/orders": reply(500)},
    )
    answer = screen.request(method, "/screen/1")
    assert answer.json()["steps"] == {"second": "done", "first": "unknown"}
    assert screen.calls() == ["GET /users/1", "POST /orders"]

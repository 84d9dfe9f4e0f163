"""What an upstream's status means for the client, and how a step may say otherwise."""

import pytest

from tests.support.gateway.screens import Screens
from tests.support.upstream.wire_scripts import head, never, raw, reply

USER = "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}"


SAME = (404, 409, 410, 422, 429, 504)
OTHERS = (400, 401, 402, 403, 405, 406, 408, 418, 500, 501, 502, 503, 599)


def test_status_of_a_failed_required_step_becomes_the_clients(screens: Screens) -> None:
    screen = screens(USER)
    for upstream in (*SAME, *OTHERS):
        screen.let("/users/1", reply(upstream, [], b"<p>secret</p>"))
        client = upstream if upstream in SAME else 502
        answer = screen.get()
        assert answer.status == client
        document = answer.json()
        assert (document["status"], document["step"]) == (client, "user")
        assert document["reason"] == "status"
        assert f"received-status={upstream}" in (answer.header("proxy-status") or "")
        assert b"secret" not in answer.body


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wait", ["7", "0", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_retry_after_is_passed_on(screens: Screens, status: int, wait: str) -> None:
    screen = screens(USER, {"/users/1": reply(status, [("Retry-After", wait)])})
    answer = screen.get()
    assert (answer.status, answer.header("retry-after")) == (status, wait)


def test_call_that_takes_too_long_is_504(screens: Screens) -> None:
    screen = screens(USER, {"/users/1": never()}, service="timeout: 100ms\n")
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (504, "timeout")
    assert answer.header("proxy-status") == (
        'bff; error=http_response_timeout; details="user: timeout"'
    )


@pytest.mark.parametrize(
    "script",
    [raw(head(204)), reply(200), raw(head(205, [("Content-Length", "0")]))],
    ids=["204", "empty 200", "205"],
)
def test_reply_without_a_body_breaks_the_schema(screens: Screens, script: object) -> None:
    screen = screens(USER, {"/users/1": script})  # type: ignore[dict-item]
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (502, "invalid")


def test_status_that_is_declared_null_is_a_complete_null(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}, statuses: {404: null, 204: null}}
          product: {call: shop.get_product, with: {id: '${user.id}'}}
        response: {user: '${user}', product: '${product}', warnings: '${degraded}'}
        """,
        {"/users/1": reply(404)},
    )
    answer = screen.get()
    assert answer.json() == {"user": None, "product": None, "warnings": []}
    assert answer.header("proxy-status") is None
    screen.let("/users/1", raw(head(204)))
    assert screen.get().json()["user"] is None
    screen.let("/users/1", reply(410))
    assert screen.get().status == 410


def test_status_that_is_declared_fail_fails_even_an_optional_step(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user:
            call: shop.get_user
            with: {id: 1}
            statuses: {409: fail, 500: fail, 302: fail}
            on_failure: optional
        """,
        {"/users/1": reply(409)},
    )
    assert screen.get().status == 409
    screen.let("/users/1", reply(500))
    assert screen.get().status == 500
    screen.let("/users/1", reply(302, [("Location", "/x")]))
    assert screen.get().status == 502
    screen.let("/users/1", reply(503))
    assert screen.get().json() == {"user": None}


def test_timeout_of_a_step_overrides_the_operations(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps: {user: {call: shop.get_user, with: {id: 1}, timeout: 100ms}}
        """,
        {"/users/1": never()},
        service="timeout: 10s\n",
        gateway="defaults: {access: public, deadline: 10s}",
    )
    assert screen.get().json()["reason"] == "timeout"

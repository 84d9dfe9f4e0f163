"""What an upstream's status means for the client, and how a step may say otherwise."""

import pytest

from tests.support.screens import Screens, product, user, value_reply
from tests.support.wire_scripts import head, never, raw, reply

USER = "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}"


@pytest.mark.parametrize(
    ("upstream", "client"),
    [
        (400, 502),
        (401, 401),
        (402, 502),
        (403, 403),
        (404, 404),
        (405, 502),
        (406, 502),
        (408, 502),
        (409, 409),
        (410, 410),
        (418, 502),
        (422, 422),
        (429, 429),
        (500, 502),
        (501, 502),
        (502, 502),
        (503, 502),
        (504, 504),
        (599, 502),
    ],
)
def test_status_of_a_failed_required_step_becomes_the_clients(
    screens: Screens, upstream: int, client: int
) -> None:
    screen = screens(USER, {"/users/1": reply(upstream, [], b"<p>secret</p>")})
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


@pytest.mark.parametrize("wait", ["soon", "-1", "1.5", "x" * 500])
def test_retry_after_that_is_none_is_not_passed_on(screens: Screens, wait: str) -> None:
    screen = screens(USER, {"/users/1": reply(503, [("Retry-After", wait)])})
    answer = screen.get()
    assert (answer.status, answer.header("retry-after")) == (502, None)


def test_retry_after_of_other_statuses_is_not_passed_on(screens: Screens) -> None:
    screen = screens(USER, {"/users/1": reply(404, [("Retry-After", "7")])})
    answer = screen.get()
    assert (answer.status, answer.header("retry-after")) == (404, None)


def test_call_that_takes_too_long_is_504(screens: Screens) -> None:
    screen = screens(USER, {"/users/1": never()}, service="timeout: 100ms\n")
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (504, "timeout")
    assert answer.header("proxy-status") == (
        'bff; error=http_response_timeout; details="user: timeout"'
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_a_failure_and_never_followed(screens: Screens, status: int) -> None:
    screen = screens(
        USER, {"/users/1": reply(status, [("Location", "/users/2")]), "/users/2": user(2)}
    )
    answer = screen.get()
    assert (answer.status, answer.header("location")) == (502, None)
    assert screen.calls() == ["GET /users/1"]


@pytest.mark.parametrize(
    "script",
    [raw(head(204)), reply(200), raw(head(205, [("Content-Length", "0")]))],
    ids=["204", "empty 200", "205"],
)
def test_reply_without_a_body_breaks_the_schema(screens: Screens, script: object) -> None:
    screen = screens(USER, {"/users/1": script})  # type: ignore[dict-item]
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (502, "invalid")


def test_other_successes_are_read_as_any(screens: Screens) -> None:
    for status in (200, 201, 202, 203):
        screen = screens(USER, {"/users/1": reply(status, [], b'{"id": 1, "first_name": "Ann"}')})
        assert screen.get().json()["user"]["id"] == 1


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


def test_status_that_is_declared_null_makes_one_element_null_in_for_each(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        params: {ids: {type: array, items: {type: integer}}}
        steps:
          products:
            call: shop.get_product
            for_each: {over: '${params.ids}', as: id, max: 5}
            with: {id: '${id}'}
            statuses: {404: null}
        """,
        {"/products/1": value_reply(product(1)), "/products/3": value_reply(product(3))},
    )
    answer = screen.get("/screen?ids=1&ids=2&ids=3")
    assert answer.json() == {"products": [product(1), None, product(3)]}
    assert answer.header("proxy-status") is None


def test_timeout_of_a_step_overrides_the_operations(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps: {user: {call: shop.get_user, with: {id: 1}, timeout: 100ms}}
        """,
        {"/users/1": never()},
        service="timeout: 10s\n",
        gateway="defaults: {deadline: 10s}",
    )
    assert screen.get().json()["reason"] == "timeout"

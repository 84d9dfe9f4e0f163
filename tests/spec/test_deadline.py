"""One deadline: it ends waiting, not the reply."""

from tests.support.gateway.screens import Screens, user
from tests.support.upstream.wire_scripts import drip, head, never

SERVICE = "timeout: 10s\n"


def test_optional_step_pending_at_the_deadline_is_null_and_the_payload_goes_out(
    screens: Screens,
) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        deadline: 600ms
        steps:
          user: {call: shop.get_user, with: {id: 1}}
          best: {call: shop.list_bestsellers, on_failure: optional}
          late: {call: shop.get_product, with: {id: 1}, after: best, on_failure: optional}
        response: {name: '${user.firstName}', best: '${best}', warnings: '${degraded}'}
        """,
        {"/users/1": user(), "/bestsellers": never()},
        service=SERVICE,
    )
    answer = screen.get()
    assert answer.status == 200
    assert answer.json() == {
        "name": "Ann",
        "best": None,
        "warnings": [
            {"step": "best", "reason": "deadline"},
            {"step": "late", "reason": "deadline"},
        ],
    }
    assert 'error=http_response_timeout; details="best: deadline"' in (
        answer.header("proxy-status") or ""
    )
    assert "GET /products/1" not in screen.calls()


def test_required_step_pending_at_the_deadline_is_504(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        deadline: 500ms
        steps:
          user: {call: shop.get_user, with: {id: 1}}
          best: {call: shop.list_bestsellers}
        """,
        {"/users/1": user(), "/bestsellers": never()},
        service=SERVICE,
    )
    answer = screen.get()
    assert (answer.status, answer.json()["step"], answer.json()["reason"]) == (
        504,
        "best",
        "deadline",
    )


def test_body_that_drips_does_not_outlive_the_deadline(screens: Screens) -> None:
    body = b'{"id": 1, "first_name": "Ann"}'
    screen = screens(
        """
        endpoint: GET /screen
        deadline: 300ms
        steps: {user: {call: shop.get_user, with: {id: 1}, on_failure: optional}}
        """,
        {"/users/1": drip(head(200, [("Content-Length", str(len(body)))]), body, 0.05)},
        service=SERVICE,
    )
    assert screen.get().json() == {"user": None}


def test_gateways_deadline_holds_where_a_composition_says_nothing(screens: Screens) -> None:
    screen = screens(
        "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}",
        {"/users/1": never()},
        service=SERVICE,
        gateway="defaults: {access: public, deadline: 200ms}",
    )
    assert screen.get().json()["reason"] == "deadline"


def test_gateways_timeout_holds_where_a_service_says_nothing(screens: Screens) -> None:
    screen = screens(
        """
        endpoint: GET /screen
        steps:
          user: {call: shop.get_user, with: {id: 1}, on_failure: optional}
        response: ${degraded}
        """,
        {"/users/1": never()},
        gateway="defaults: {access: public, timeout: 100ms}",
    )
    assert screen.get().json() == [{"step": "user", "reason": "timeout"}]

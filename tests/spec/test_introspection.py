"""Opaque tokens, in every host: their server is asked once, and what it says decides."""

from collections.abc import Iterator

import pytest

from tests.support.gateway.screens import Screen, Screens, user
from tests.support.identity.callers import bearer
from tests.support.identity.issuers import StandInIssuer, stand_in_issuer
from tests.support.redis.topologies import wait_until

PATH = "/introspect"
SCREEN = """
    endpoint: GET /screen
    access: {scopes: {all: [orders.read]}}
    steps: {user: {call: shop.get_user, with: {id: 1}}}
    response: {sub: '${claims.sub}', user: '${user.firstName}'}
    """


@pytest.fixture(scope="module")
def running() -> Iterator[StandInIssuer]:
    with stand_in_issuer() as found:
        yield found


@pytest.fixture
def server(running: StandInIssuer) -> StandInIssuer:
    running.reset()
    return running


@pytest.fixture
def screen(screens: Screens, server: StandInIssuer, monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("ASK", "s3cret")
    gateway = f"""
        identity:
          introspection:
            issuer: {server.url}
            url: {server.url}{PATH}
            client_id: shop
            client_secret: "${{secret.ASK}}"
            audience: [shop]
        """
    return screens(SCREEN, {"/users/1": user(1, "Ann")}, gateway=gateway)


def test_active_token_is_its_caller_and_its_server_is_asked_once_for_all(
    screen: Screen, server: StandInIssuer
) -> None:
    answer = {"active": True, "sub": "ada", "aud": ["shop"], "scope": "openid orders.read"}
    server.give(PATH, answer)
    server.hold.clear()
    asking = [screen.begin(**bearer("t0ken")) for _ in range(8)]
    try:
        wait_until(lambda: bool(server.asked), "a question")
    finally:
        server.hold.set()
    for each in asking:
        assert each.result().json() == {"sub": "ada", "user": "Ann"}
    assert screen.get(**bearer("t0ken")).status == 200
    assert server.count(PATH) == 1


def test_token_that_is_not_active_or_lacks_a_scope_costs_no_call(
    screen: Screen, server: StandInIssuer
) -> None:
    for answer in ({"active": False}, {"active": True, "sub": "ada", "aud": "other"}):
        server.give(PATH, answer)
        refused = screen.get(**bearer(f"t{len(server.asked)}"))
        assert (refused.status, refused.json()["reason"]) == (401, "invalid_token")
        assert 'error="invalid_token"' in (refused.header("www-authenticate") or "")
    server.give(PATH, {"active": True, "sub": "ada", "aud": "shop", "scope": "openid"})
    refused = screen.get(**bearer("other"))
    assert (refused.status, refused.json()["reason"]) == (403, "insufficient_scope")
    assert screen.get(**bearer("no token")).status == 401
    assert server.count(PATH) == 3
    assert screen.calls() == []


def test_server_in_trouble_is_503_with_retry_after_and_nobody_is_logged_out(
    screen: Screen, server: StandInIssuer
) -> None:
    for status in (500, 401, 403):
        server.give(PATH, {"error": "x"}, status)
        refused = screen.get(**bearer(f"t{status}"))
        assert (refused.status, refused.json()["reason"]) == (503, "identity_unavailable")
        assert refused.header("retry-after") == "1"
        assert refused.header("www-authenticate") is None
    assert screen.calls() == []

"""Callers' own tokens, relayed to services."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.gateway.hosts import HOSTS
from tests.support.gateway.screens import Screen, Screens
from tests.support.gateway.websockets import ORIGIN, echo, switching
from tests.support.identity.caller_tokens import (
    CLAIMS,
    HANDSHAKE,
    OPERATIONS,
    authorizations,
    whoami,
)
from tests.support.identity.callers import ByToken, bearer
from tests.support.upstream.wire_scripts import reply

SERVICES = {
    "relayed": "base: {shop}\nauth: {relay: true}" + OPERATIONS,
    "both": 'base: {shop}\nheaders: {X-Key: "${secret.SECRET}"}\nauth: {relay: true}' + OPERATIONS,
    "plain": "base: {shop}" + OPERATIONS,
    "own": 'base: {shop}\nauth: {bearer: "${secret.SECRET}"}' + OPERATIONS,
    "named": 'base: {shop}\ncaller_headers: {X-User: "${claims.sub}"}' + OPERATIONS,
    "named_by_us": 'base: {shop}\nauth: {bearer: "${secret.SECRET}"}\n'
    'caller_headers: {X-User: "${claims.sub}"}' + OPERATIONS,
}
COMPOSITIONS = {
    **{
        service: f"{{endpoint: GET /{service}, steps: {{me: {{call: {service}.me}}}}}}"
        for service in SERVICES
    },
    "relay_or_null": "{endpoint: GET /relay_or_null,"
    " steps: {me: {call: relayed.me, on_failure: optional}}}",
    "relay_if_known": "{endpoint: GET /relay_if_known,"
    " steps: {me: {call: relayed.me, when: '${claims.sub}'}}}",
    "stored": "{endpoint: GET /stored,"
    " steps: {me: {call: relayed.me, cache: {ttl: 5m}}}, cache: {ttl: 5m}}",
    "pay": "{endpoint: POST /pay, steps: {paid: {call: relayed.pay}}}",
    "order": "{endpoint: POST /order,"
    " steps: {booked: {call: plain.pay}, paid: {call: relayed.pay}}}",
    "order_named": "{endpoint: POST /order_named,"
    " steps: {booked: {call: plain.pay}, paid: {call: named.pay}}}",
    "order_or_not": "{endpoint: POST /order_or_not,"
    " steps: {booked: {call: plain.pay}, paid: {call: relayed.pay, on_failure: optional}}}",
}
GATEWAY = f"""
defaults: {{access: public}}
cors: {{origins: ["{ORIGIN}"]}}
routes:
  /raw: {{service: relayed, websocket: true}}
  /raw-own: {{service: own}}
  /raw-both: {{service: both, credentials: service}}
  /known: {{service: plain, access: authenticated}}
  /anyone: {{service: plain}}
"""


@pytest.fixture(autouse=True, scope="module")
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "c0mpany")
        yield


@pytest.fixture(scope="module", params=HOSTS)
def screen(request: pytest.FixtureRequest) -> Iterator[Screen]:
    """Asked by `CLAIMS`, of whom `partner` has an API key, and no token."""
    with ExitStack() as stack:
        scripts = {"/me": whoami, "/pay": reply(204), "/chat": switching(echo)}
        yield Screens(request.param, stack)(
            COMPOSITIONS,
            scripts,
            services=SERVICES,
            gateway=GATEWAY,
            identity=ByToken(CLAIMS, "partner"),
        )


@pytest.mark.parametrize(
    "target", ["/relayed", "/relay_or_null", "/both", "/raw/me", "/raw-both/me"]
)
def test_service_gets_the_callers_own_token(screen: Screen, target: str) -> None:
    screen.upstream.requests.clear()
    for name in ("ann", "bo"):
        assert screen.get(target, **bearer(name)).status == 200
    assert authorizations(screen) == [["Bearer token-of-ann"], ["Bearer token-of-bo"]]


def test_write_has_the_callers_own_token(screen: Screen) -> None:
    screen.upstream.requests.clear()
    assert screen.post({}, "/pay", **bearer("ann")).status == 200
    assert authorizations(screen) == [["Bearer token-of-ann"]]


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/order", {}, 401),
        ("/order", bearer("partner"), 403),
        ("/order_named", bearer("broken"), 502),
    ],
)
def test_nothing_is_written_where_a_later_service_can_not_be_told_who_calls(
    screen: Screen, target: str, headers: dict[str, str], status: int
) -> None:
    """Whoever logs in and repeats the request writes everything once."""
    screen.upstream.requests.clear()
    answer = screen.post({}, target, **headers)
    assert answer.status == status
    assert answer.json()["steps"] == {"booked": "not started", "paid": "not started"}
    assert screen.calls() == []


def test_write_that_may_lack_a_step_is_made_without_it(screen: Screen) -> None:
    screen.upstream.requests.clear()
    assert screen.post({}, "/order_or_not").status == 200
    assert screen.calls() == ["POST /pay"]


@pytest.mark.parametrize("screen", ["http1"], indirect=True)  # the one that opens WebSockets
def test_handshake_of_a_websocket_has_the_callers_own_token(screen: Screen) -> None:
    screen.upstream.requests.clear()
    assert screen.get("/raw/chat", **HANDSHAKE).status == 401
    assert screen.get("/raw/chat", **HANDSHAKE, **bearer("ann")).status == 101
    assert authorizations(screen) == [["Bearer token-of-ann"]]


@pytest.mark.parametrize("target", ["/relayed", "/both", "/stored", "/raw/me", "/raw-both/me"])
@pytest.mark.parametrize(
    ("headers", "status", "challenge"),
    [
        ({}, 401, "Bearer"),
        ({"authorization": "Bearer mallory"}, 401, "Bearer"),
        ({"authorization": "Basic YTpi"}, 401, "Bearer"),
        (bearer("partner"), 403, None),
    ],
    ids=["nobody", "unknown token", "another scheme", "API key"],
)
def test_call_for_a_caller_without_a_token_fails_before_it_is_sent(
    screen: Screen, target: str, headers: dict[str, str], status: int, challenge: str | None
) -> None:
    screen.upstream.requests.clear()
    answer = screen.get(target, **headers)
    assert (answer.status, answer.json()["reason"]) == (status, "no_caller_token")
    assert answer.header("www-authenticate") == challenge
    assert screen.calls() == []


def test_caller_without_a_token_lacks_what_is_optional_alone(screen: Screen) -> None:
    answer = screen.get("/relay_or_null")
    assert (answer.status, answer.json()) == (200, {"me": None})
    assert 'details="me: no_caller_token"' in (answer.header("proxy-status") or "")
    assert screen.get("/relay_if_known").json() == {"me": None}
    assert screen.get("/relay_if_known", **bearer("bo")).json()["me"]["firstName"] == "token-of-bo"


def test_nothing_that_was_made_with_a_token_is_anothers(screen: Screen) -> None:
    for _ in range(2):
        for name in ("ann", "bo"):
            answer = screen.get("/stored", **bearer(name))
            assert answer.json()["me"]["firstName"] == f"token-of-{name}"
            assert "private" in (answer.header("cache-control") or "")


def test_public_route_lends_the_companys_key_to_nobody(screen: Screen) -> None:
    """Whatever the client sends; the key stands in the service's file for compositions."""
    screen.upstream.requests.clear()
    forms = [{}, bearer("ann"), {"authorization": "Bearer"}, {"connection": "authorization"}]
    for headers in forms:
        assert screen.get("/raw-own/me", **headers).status == 200
    assert "c0mpany" not in str([each.head for each in screen.upstream.requests])


def test_what_identifies_the_caller_ends_at_a_gateway_that_asks_for_it(screen: Screen) -> None:
    """The token was for the gateway. Where it asks nobody, `Authorization` is the service's."""
    screen.upstream.requests.clear()
    assert screen.get("/known/me").status == 401
    for target in ("/known/me", "/anyone/me"):
        assert screen.get(target, **bearer("ann")).status == 200
    assert authorizations(screen) == [[], ["Bearer ann"]]


REFUSALS = [
    ("/relayed", 401, 401),
    ("/relayed", 403, 403),
    ("/both", 401, 401),
    ("/named", 401, 401),
    ("/named", 403, 403),
    ("/named_by_us", 403, 403),
    ("/named_by_us", 401, 502),
    ("/raw/me", 401, 401),
    ("/raw-both/me", 403, 403),
]


@pytest.mark.parametrize(("target", "status", "expected"), REFUSALS)
def test_refusal_of_a_service_that_knows_the_caller_is_the_callers(
    screen: Screen, target: str, status: int, expected: int
) -> None:
    """A 401 is the gateway's own where it identifies itself too, and the caller by headers."""
    challenge = 'Bearer realm="shop"'
    screen.let("/me", reply(status, [("WWW-Authenticate", challenge)]))
    try:
        answer = screen.get(target, **bearer("ann"))
    finally:
        screen.let("/me", whoami)
    assert answer.status == expected
    if expected == 401:
        assert answer.header("www-authenticate") == challenge


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("no-store", "no-store"),
        ("public, max-age=60", "max-age=60"),
        ("s-maxage=60, Public, max-age=5", "max-age=5"),
        ('private="x", no-cache', "no-cache"),
        (None, None),
    ],
)
def test_reply_of_a_route_is_for_no_shared_cache(
    screen: Screen, declared: str | None, expected: str | None
) -> None:
    headers = [("CDN-Cache-Control", "max-age=60"), ("Surrogate-Control", "max-age=60")]
    headers += [] if declared is None else [("Cache-Control", declared)]
    screen.let("/me", reply(200, headers, b"{}"))
    try:
        answer = screen.get("/raw/me", **bearer("ann"))
    finally:
        screen.let("/me", whoami)
    control = [each.strip() for each in (answer.header("cache-control") or "").split(",")]
    assert set(control) == {"private", *([expected] if expected else [])}
    assert "authorization" in (answer.header("vary") or "")
    assert answer.header("cdn-cache-control") is answer.header("surrogate-control") is None

"""Callers' own tokens, exchanged for others that services take (RFC 8693)."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import parse_qs

import pytest

from bff.settings import Settings
from tests.support.gateway.hosts import HOSTS, Answer
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
from tests.support.upstream.wire import Exchange, Script, WireServer
from tests.support.upstream.wire_scripts import json_reply, refusing_url, reply

EXCHANGE = """
auth:
  exchange:
    token_url: %s/token?tenant=a
    client_id: "sh:op"
    client_secret: "${secret.SECRET}"
    audience: %s
    scopes: [orders.read, orders.write]
"""
MANY = """
endpoint: GET /many
steps:
  a: {call: orders.me}
  b: {call: orders.other}
  c: {call: stock.me}
  d: {call: orders_too.me}
"""
PLAIN = "{endpoint: GET /plain, steps: {me: {call: orders.me}}}"
OPTIONAL = "{endpoint: GET /optional, steps: {me: {call: orders.me, on_failure: optional}}}"
ROUTES = f"""
defaults: {{access: public}}
cors: {{origins: ["{ORIGIN}"]}}
routes: {{/raw: {{service: orders, websocket: true}}}}
"""


class TokenServer:
    """Exchanges `token-of-ann` for `orders-for-ann-1`, for the audience of the request."""

    def __init__(self, stack: ExitStack) -> None:
        self.script: Script | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.given: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self.server = stack.enter_context(WireServer(self._answer))

    def _answer(self, exchange: Exchange) -> None:
        form = parse_qs(exchange.read_body().decode())
        exchange.hold(self.gate)
        if self.script is not None:
            self.script(exchange)
            return
        subject = form["subject_token"][0].removeprefix("token-of-")
        audience = form["audience"][0]
        with self._lock:
            self.given[subject, audience] += 1
            number = self.given[subject, audience]
        answer = {
            "access_token": f"{audience}-for-{subject}-{number}",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        json_reply(json.dumps(answer))(exchange)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    monkeypatch.setenv("SECRET", "c0mpany")
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def tokens(stack: ExitStack) -> TokenServer:
    return TokenServer(stack)


def opened(stack: ExitStack, url: str, host: str = "http1") -> Screen:
    services = {
        name: "base: {shop}" + EXCHANGE % (url, audience) + OPERATIONS
        for name, audience in (("orders", "orders"), ("orders_too", "orders"), ("stock", "stock"))
    }
    return Screens(host, stack)(
        {"many": MANY, "plain": PLAIN, "optional": OPTIONAL},
        {"/me": whoami, "/other": whoami, "/chat": switching(echo)},
        services=services,
        gateway=ROUTES,
        identity=ByToken(CLAIMS, "partner"),
    )


def reason(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["reason"]


@pytest.mark.parametrize("host", HOSTS)
def test_token_is_exchanged_once_a_caller_and_audience(
    stack: ExitStack, tokens: TokenServer, host: str
) -> None:
    """However many steps and requests ask at the same time, of whatever service."""
    screen = opened(stack, tokens.server.url, host)
    tokens.gate.clear()
    asked = [(name, screen.begin("/many", **bearer(name))) for name in ("ann", "bo") * 4]
    tokens.server.wait_for_requests(4)
    tokens.gate.set()
    for name, answer in asked:
        assert {each: got["firstName"] for each, got in answer.result().json().items()} == {
            "a": f"orders-for-{name}-1",
            "b": f"orders-for-{name}-1",
            "c": f"stock-for-{name}-1",
            "d": f"orders-for-{name}-1",
        }
    raw = screen.get("/raw/me", **bearer("ann"))
    assert raw.json()["first_name"] == "orders-for-ann-1"
    assert len(tokens.server.requests) == 4


def test_request_for_an_exchange_is_that_of_rfc_8693(stack: ExitStack, tokens: TokenServer) -> None:
    opened(stack, tokens.server.url).get("/plain", **bearer("ann"))
    (asked,) = tokens.server.requests
    assert (asked.method, asked.target) == ("POST", "/token?tenant=a")
    assert asked.header("content-type") == "application/x-www-form-urlencoded"
    assert asked.header("authorization") == "Basic c2glM0FvcDpjMG1wYW55"  # sh%3Aop:c0mpany
    of_token = "urn:ietf:params:oauth:token-type:access_token"
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:token-exchange"],
        "subject_token": ["token-of-ann"],
        "subject_token_type": [of_token],
        "requested_token_type": [of_token],
        "audience": ["orders"],
        "scope": ["orders.read orders.write"],
    }


def test_handshake_of_a_websocket_has_the_exchanged_token(
    stack: ExitStack, tokens: TokenServer
) -> None:
    screen = opened(stack, tokens.server.url)
    assert screen.get("/raw/chat", **HANDSHAKE, **bearer("ann")).status == 101
    assert authorizations(screen) == [["Bearer orders-for-ann-1"]]


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        ("invalid_grant", 400, (401, "caller_refused")),
        ("invalid_target", 400, (403, "caller_refused")),
        ("access_denied", 403, (403, "caller_refused")),
        ("invalid_client", 401, (502, "no_token")),
        ("invalid_grant", 503, (502, "no_token")),
    ],
)
def test_refused_exchange_is_the_callers_and_a_refused_client_the_gateways(
    stack: ExitStack,
    tokens: TokenServer,
    caplog: pytest.LogCaptureFixture,
    error: str,
    status: int,
    expected: tuple[int, str],
) -> None:
    tokens.script = json_reply(json.dumps({"error": error, "error_description": "canary"}), status)
    screen = opened(stack, tokens.server.url)
    answer = screen.get("/plain", **bearer("ann"))
    assert reason(answer) == expected
    is_invalid = expected[0] == 401
    assert answer.header("www-authenticate") == (
        'Bearer error="invalid_token"' if is_invalid else None
    )
    assert reason(screen.get("/raw/me", **bearer("ann"))) == expected
    assert screen.get("/optional", **bearer("ann")).json() == {"me": None}
    assert screen.calls() == []
    assert len(tokens.server.requests) == 1  # held for a second
    errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert bool(errors) == (expected[1] == "no_token")
    assert "canary" not in caplog.text
    assert b"canary" not in answer.body


def test_server_that_is_down_fails_the_step(stack: ExitStack) -> None:
    screen = opened(stack, stack.enter_context(refusing_url()))
    assert reason(screen.get("/plain", **bearer("ann"))) == (502, "no_token")
    assert screen.get("/optional", **bearer("ann")).json() == {"me": None}
    assert screen.calls() == []


@pytest.mark.parametrize(("caller", "status"), [(None, 401), ("partner", 403)])
def test_nothing_is_exchanged_for_a_caller_without_a_token(
    stack: ExitStack, tokens: TokenServer, caller: str | None, status: int
) -> None:
    screen = opened(stack, tokens.server.url)
    headers = {} if caller is None else bearer(caller)
    for target in ("/plain", "/raw/me"):
        assert reason(screen.get(target, **headers)) == (status, "no_caller_token")
    assert screen.calls() == tokens.server.requests == []


def test_token_that_the_service_refuses_is_exchanged_anew_once_and_then_the_401_is_the_callers(
    stack: ExitStack, tokens: TokenServer
) -> None:
    screen = opened(stack, tokens.server.url)

    def first_is_revoked(exchange: Exchange) -> None:
        is_first = "-1" in (exchange.request.header("authorization") or "")
        (reply(401) if is_first else whoami)(exchange)

    screen.let("/me", first_is_revoked)
    answer = screen.get("/plain", **bearer("ann"))
    assert answer.json()["me"]["firstName"] == "orders-for-ann-2"
    screen.let("/me", reply(401, [("WWW-Authenticate", "Bearer")]))
    answer = screen.get("/plain", **bearer("bo"))
    assert (answer.status, answer.header("www-authenticate")) == (401, "Bearer")
    assert tokens.given == {("ann", "orders"): 2, ("bo", "orders"): 2}


def test_no_token_and_no_secret_is_in_a_log(
    stack: ExitStack, tokens: TokenServer, capfd: pytest.CaptureFixture[str]
) -> None:
    services = {"orders": "base: {shop}\n" + EXCHANGE % (tokens.server.url, "orders") + OPERATIONS}
    screen = Screens("http1", stack)(
        {"plain": PLAIN},
        {"/me": whoami},
        services=services,
        gateway=ROUTES,
        settings=Settings(log_level="debug"),
        identity=ByToken(CLAIMS),
    )
    screen.let("/me", reply(401))
    for target in ("/plain", "/raw/me"):
        screen.get(target, **bearer("ann"))
    tokens.script = json_reply('{"error": "invalid_client"}', 401)
    assert screen.get("/plain", **bearer("bo")).status == 502
    stack.close()
    out, err = capfd.readouterr()
    assert "orders.me" in out + err
    for secret in ("token-of-", "orders-for-", "c0mpany", "c2glM0FvcDpjMG1wYW55"):
        assert secret not in out + err

"""Callers' own tokens for services: relayed, or exchanged for others (RFC 8693)."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import parse_qs

import pytest

from bff.settings import Settings
from tests.support.callers import ByToken, bearer
from tests.support.hosts import HOSTS, Answer
from tests.support.screens import Screen, Screens, user
from tests.support.websockets import KEY, ORIGIN, echo, switching
from tests.support.wire import Exchange, Script, WireServer
from tests.support.wire_scripts import json_reply, refusing_url, reply

CLAIMS = {name: {"sub": name} for name in ("ann", "bo", "partner")} | {"broken": {"sub": "a\nb"}}
OPERATIONS = """
operations:
  me:
    request: GET /me
    returns: schemas.shop:User
  other:
    request: GET /other
    returns: schemas.shop:User
  pay:
    request: POST /pay
    returns: none
"""
EXCHANGE = """
auth:
  exchange:
    token_url: %s/token?tenant=a
    client_id: "sh:op"
    client_secret: "${secret.SECRET}"
    audience: %s
    scopes: [orders.read, orders.write]
"""
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


HANDSHAKE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec_websocket_version": "13",
    "sec_websocket_key": KEY,
    "origin": ORIGIN,
}


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


def whoami(exchange: Exchange) -> None:
    """Answers with the token that it got."""
    token = (exchange.request.header("authorization") or "").removeprefix("Bearer ")
    user(1, token or "nobody")(exchange)


def authorizations(screen: Screen) -> list[list[str]]:
    """The `Authorization` of each call so far."""
    return [
        [value for name, value in each.headers if name == "authorization"]
        for each in screen.upstream.requests
    ]


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


# --------------------------------------------------------------------------- exchange


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
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def tokens(stack: ExitStack) -> TokenServer:
    return TokenServer(stack)


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


def opened(stack: ExitStack, url: str, host: str = "http1") -> Screen:
    services = {
        name: "base: {shop}\ntimeout: 500ms" + EXCHANGE % (url, audience) + OPERATIONS
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

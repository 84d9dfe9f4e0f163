"""What each request to a service has of the service's own, and whose a refusal is."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.gateway.hosts import HOSTS, Answer
from tests.support.gateway.screens import Screen, Screens, user
from tests.support.upstream.wire import Exchange, Script
from tests.support.upstream.wire_scripts import json_reply, reply

USER = "{endpoint: GET /screen, steps: {user: {call: shop.get_user, with: {id: 1}}}}"
LOOK = """
endpoint: GET /screen
params:
  Authorization: {in: header, type: string, required: false}
steps:
  look: {call: shop.look, with: {Authorization: "${params.Authorization}", text: 'a b'}}
"""
KEY = 'auth: {api_key: {in: header, name: X-Api-Key, value: "${secret.SHOP_TOKEN}"}}\n'
BANK = """
base: {shop}
%s
operations:
  get_user:
    request: GET /users/{id}
    params: {id: {type: integer}}
    returns: schemas.shop:User
"""
CHALLENGE = 'Bearer realm="shop", error="invalid_token"'


@pytest.fixture(params=["http1"])
def screens(request: pytest.FixtureRequest) -> Iterator[Screens]:
    """The gateway's own server, which is enough for what no host decides."""
    with ExitStack() as stack:
        yield Screens(request.param, stack)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "t0ken")
    monkeypatch.setenv("TENANT", "demo & co")


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]


def test_headers_and_query_of_the_service_go_out_with_each_request(screens: Screens) -> None:
    own = """
headers: {X-Api-Version: "3", User-Agent: shop, X-Key: "k ${secret.SHOP_TOKEN}", X-Umlaut: "ä"}
query: {tenant: "${env.TENANT}", "page[size]": "5"}
"""
    screen = screens(LOOK, {"/look": json_reply('{"value": 1}')}, service=own)
    assert screen.get().status == 200
    (sent,) = screen.upstream.requests
    assert sent.target == "/look?text=a%20b&tenant=demo%20%26%20co&page%5Bsize%5D=5"
    assert sent.header("x-api-version") == "3"
    assert sent.header("x-key") == "k t0ken"
    assert sent.header("x-umlaut") == "ä".encode().decode("latin-1")
    assert [value for name, value in sent.headers if name == "user-agent"] == ["shop"]


@pytest.mark.parametrize(
    ("auth", "header", "value", "target"),
    [
        ('{bearer: "${secret.SHOP_TOKEN}"}', "authorization", "Bearer t0ken", "/users/1"),
        (
            '{basic: {user: shop, password: "${secret.SHOP_TOKEN}"}}',
            "authorization", "Basic c2hvcDp0MGtlbg==", "/users/1",
        ),
        (
            '{api_key: {in: header, name: X-Api-Key, value: "${secret.SHOP_TOKEN}"}}',
            "x-api-key", "t0ken", "/users/1",
        ),
        (
            '{api_key: {in: query, name: key, value: "${secret.SHOP_TOKEN}"}}',
            "authorization", None, "/users/1?key=t0ken",
        ),
    ],
)  # fmt: skip
def test_gateway_identifies_itself_as_declared(
    screens: Screens, auth: str, header: str, value: str | None, target: str
) -> None:
    bank = {"bank": BANK % f"auth: {auth}"}
    screen = screens(USER.replace("shop", "bank"), {"/users/1": user()}, services=bank)
    assert screen.get().status == 200
    (sent,) = screen.upstream.requests
    assert (sent.header(header), sent.target) == (value, target)


# --------------------------------------------------------------------- whose a refusal is


def asked(screen: Screen, authorization: str | None) -> Answer:
    return screen.get() if authorization is None else screen.get(authorization=authorization)


@pytest.mark.parametrize("screens", HOSTS, indirect=True)
@pytest.mark.parametrize("own", ["", 'headers: {X-Key: "${secret.SHOP_TOKEN}"}\n'])
def test_refusal_of_the_callers_own_credential_passes_with_its_challenge(
    screens: Screens, own: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where both the caller's and the gateway's were sent, the caller's speaks."""
    screen = screens(LOOK, service=own)
    for status, extra in ((401, [("WWW-Authenticate", CHALLENGE)]), (403, []), (429, [])):
        screen.let("/look", reply(status, extra))
        answer = asked(screen, "Bearer mine")
        assert answer.status == status
        assert answer.header("www-authenticate") == (CHALLENGE if status == 401 else None)
    assert refusals(caplog) == []


@pytest.mark.parametrize("status", [401, 403])
def test_refusal_without_anybodys_credential_is_the_gateways(
    screens: Screens, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    challenge = [("WWW-Authenticate", CHALLENGE)]
    screen = screens(LOOK, {"/look": reply(status, challenge)})
    answer = asked(screen, None)
    assert (answer.status, answer.header("www-authenticate")) == (502, None)
    assert answer.json()["detail"] == "The step 'look' failed: its service refuses the gateway."
    (line,) = refusals(caplog)
    assert line.startswith("shop.look refuses the gateway's credentials")
    assert str(status) in line


@pytest.mark.parametrize(
    "own",
    [
        KEY,
        'query: {key: "${secret.SHOP_TOKEN}"}\n',
        'headers: {X-Key: "${secret.SHOP_TOKEN}"}\n',
    ],
)
def test_refusal_of_the_gateways_own_credentials_is_never_the_callers(
    screens: Screens, own: str
) -> None:
    """A key that was changed doesn't log everybody out."""
    screen = screens(USER, service=own)
    for status, wait, expected in (
        (401, None, (502, None)),
        (403, "7", (502, None)),
        (429, None, (503, "1")),
        (429, "7", (503, "7")),
        (429, "soon", (503, "1")),
    ):
        screen.let("/users/1", reply(status, [] if wait is None else [("Retry-After", wait)]))
        answer = screen.get()
        assert (answer.status, answer.header("retry-after")) == expected


def test_429_where_the_gateway_has_no_credentials_stays(screens: Screens) -> None:
    service = 'headers: {X-Api-Version: "3"}\n'
    screen = screens(USER, {"/users/1": reply(429)}, service=service)
    assert (screen.get().status, screen.get().header("retry-after")) == (429, None)


def test_statuses_come_before_the_meaning_of_a_refusal(
    screens: Screens, caplog: pytest.LogCaptureFixture
) -> None:
    steps = "steps: {user: {call: shop.get_user, with: {id: 1}, statuses: %s}}"
    declared = {
        "null": f"{{endpoint: GET /null, {steps % '{403: null}'}}}",
        "own": f"{{endpoint: GET /own, {steps % '{403: {reply: 403}}'}}}",
        "fail": f"{{endpoint: GET /fail, {steps % '{403: fail}'}}}",
    }
    screen = screens(declared, {"/users/1": reply(403)}, service=KEY)
    assert [screen.get(f"/{name}").status for name in declared] == [200, 403, 502]


def test_optional_step_that_is_refused_is_null_and_logged(
    screens: Screens, caplog: pytest.LogCaptureFixture
) -> None:
    optional = USER.replace("{id: 1}", "{id: 1}, on_failure: optional")
    screen = screens(optional, {"/users/1": reply(401)}, service=KEY)
    assert screen.get().json() == {"user": None}
    assert len(refusals(caplog)) == 1


def test_older_payload_stands_in_while_the_gateway_is_refused(screens: Screens) -> None:
    cached = USER.replace("steps:", "cache: {ttl: 1ms, stale: 0s, stale_if_error: 1m}, steps:")
    screen = screens(cached, {"/users/1": user()}, service=KEY)
    assert screen.get().status == 200
    screen.let("/users/1", reply(401))
    answer = screen.get()
    assert (answer.status, answer.json()["user"]["id"]) == (200, 1)


@pytest.mark.parametrize(
    "binding",
    ['"${params.token}"', '"Bearer ${params.token}"'],
)
def test_what_the_caller_sent_under_a_credentials_name_is_the_callers(
    screens: Screens, binding: str
) -> None:
    composition = f"""
endpoint: GET /screen
params: {{token: {{type: string}}}}
steps:
  look: {{call: shop.look, with: {{Authorization: {binding}}}}}
"""
    screen = screens(composition, {"/look": reply(401)})
    assert screen.get("/screen?token=x").status == 401


def test_what_a_step_returned_is_the_gateways_even_as_authorization(screens: Screens) -> None:
    composition = """
endpoint: GET /screen
steps:
  user: {call: shop.get_user, with: {id: 1}}
  look: {call: shop.look, with: {Authorization: "Bearer ${user.firstName}"}}
"""
    screen = screens(composition, {"/users/1": user(), "/look": reply(401)})
    assert screen.get().status == 502


# --------------------------------------------------------------------- routes

ROUTE = "routes: {/raw: {service: shop, access: public}}"
LENT = "routes: {/raw: {service: shop, access: public, credentials: service}}"
OWN = """
headers: {X-Api-Version: "3"}
query: {key: "${secret.SHOP_TOKEN}"}
auth: {api_key: {in: header, name: X-Api-Key, value: "${secret.SHOP_TOKEN}"}}
"""


def echoing(status: int = 200) -> Script:
    return json_reply("{}", status)


def test_route_lends_nothing(screens: Screens) -> None:
    screen = screens({}, {"/x": echoing()}, service=OWN, gateway=ROUTE)
    assert screen.get("/raw/x?a=1", authorization="Bearer mine").status == 200
    (sent,) = screen.upstream.requests
    assert sent.target == "/x?a=1"
    assert sent.header("authorization") == "Bearer mine"
    assert {"x-api-version", "x-api-key"}.isdisjoint(name for name, _ in sent.headers)


@pytest.mark.parametrize("screens", HOSTS, indirect=True)
def test_route_that_lends_the_services_credentials_sends_none_of_the_clients(
    screens: Screens,
) -> None:
    screen = screens({}, {"/x": echoing()}, service=OWN, gateway=LENT)
    query = "a=1&key=mine&KEY=b&k%65y=c&d=2;key=4&keys=5"
    answer = screen.request(
        "POST", f"/raw/x?{query}", [("Authorization", "Bearer mine"), ("X-Api-Key", "mine")], b"hi"
    )
    assert answer.status == 200
    (sent,) = screen.upstream.requests
    assert sent.target == "/x?a=1&keys=5&key=t0ken"
    assert sent.header("authorization") is None
    assert [value for name, value in sent.headers if name == "x-api-key"] == ["t0ken"]
    assert sent.header("x-api-version") == "3"


def test_refusal_of_lent_credentials_is_the_gateways(
    screens: Screens, caplog: pytest.LogCaptureFixture
) -> None:
    screen = screens({}, service=OWN, gateway=LENT)
    for status, headers, expected in (
        (401, [("WWW-Authenticate", CHALLENGE)], (502, None)),
        (403, [], (502, None)),
        (429, [], (503, "1")),
        (429, [("Retry-After", "9")], (503, "9")),
        (404, [], (404, None)),
        (403, [], (502, None)),  # which is the same fault, and has its line within a minute
    ):
        screen.let("/x", reply(status, headers, b"{}" * 50_000))
        answer = screen.get("/raw/x")
        assert (answer.status, answer.header("retry-after")) == expected
        assert answer.header("www-authenticate") is None
    assert len(refusals(caplog)) == 2


def test_refusal_of_a_clients_own_request_passes_through_a_route(screens: Screens) -> None:
    refused = reply(401, [("WWW-Authenticate", CHALLENGE)], b"no")
    screen = screens({}, {"/x": refused}, service=OWN, gateway=ROUTE)
    answer = screen.get("/raw/x")
    assert (answer.status, answer.header("www-authenticate"), answer.body) == (
        401,
        CHALLENGE,
        b"no",
    )


def test_connection_of_a_refused_request_is_closed_though_its_body_goes_on(
    screens: Screens,
) -> None:
    """Nobody reads the body, so nothing may wait for its end."""

    def endless(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        exchange.wait_until_peer_leaves()

    screen = screens({}, {"/x": endless}, service=OWN, gateway=LENT)
    assert screen.get("/raw/x").status == 502
    screen.upstream.wait_until(lambda server: server.open_connections == 0)

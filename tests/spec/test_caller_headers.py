"""What services learn of callers by headers, at every host: the caller's claims, and nothing that a
client sends under such a name."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.header_names import folded
from bff.plan.compiler.project import check_project
from tests.support.gateway.hosts import HOSTS, Answer, Header
from tests.support.gateway.screens import Screen, Screens, user
from tests.support.gateway.websockets import KEY, ORIGIN, echo, switching
from tests.support.identity.callers import ByToken, bearer
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import Exchange, RecordedRequest
from tests.support.upstream.wire_scripts import json_reply, refusing_url, reply

CLAIMS: dict[str, dict[str, Any]] = {
    "ann": {"sub": "ann", "tenant": "north", "roles": ["buyer", "clerk"], "age": 7},
    "bo": {"sub": "bo", "tenant": None},
    "zoe": {"sub": "zoë", "tenant": ""},
}
# Claims that no header can hold.
UNFIT: dict[str, dict[str, Any]] = {
    "lines": {"sub": "ann\r\nX-User: root"},
    "line": {"sub": "ann\nroot"},
    "zero": {"sub": "ann\0"},
    "control": {"sub": "a\x7fnn"},
    "before": {"sub": " ann"},
    "behind": {"sub": "ann\t"},
    "half": {"sub": "ann\ud800"},
    "object": {"sub": {"id": "ann"}},
    "comma": {"sub": "ann", "roles": ["buyer", "clerk,admin"]},
    "nested": {"sub": "ann", "roles": [["admin"]]},
    "gap": {"sub": "ann", "roles": ["buyer", None]},
    "long": {"sub": "a" * 40_000},
    "long together": {"sub": "a" * 30_000, "tenant": "b" * 30_000},
}
OF_CALLER = """
caller_headers:
  X-User: "${claims.sub}"
  X-Tenant: "${claims.tenant}"
  X-Roles: "${claims.roles}"
  Accept-Language: "${claims.language}"
operations:
  me:
    request: GET /me
    returns: schemas.shop:User
  broken:
    request: GET /broken
    returns: schemas.shop:User
  change:
    request: POST /me
    returns: none
"""
COMPOSITIONS = {
    "plain": "{endpoint: GET /plain, steps: {me: {call: mine.me}}}",
    "cached": "{endpoint: GET /cached, steps: {me: {call: mine.me}}, cache: {ttl: 5m}}",
    "stored": "{endpoint: GET /stored, steps: {me: {call: mine.me, cache: {ttl: 5m}}}}",
    "degraded": """
        endpoint: GET /degraded
        steps:
          a: {call: mine.broken, on_failure: optional}
          b: {call: mine.broken, on_failure: {fallback: {id: 0, first_name: nobody}}, after: [a]}
          c: {call: mine.me, when: '${!a}', after: [b]}
        """,
    "stale": "{endpoint: GET /stale, steps: {me: {call: mine.me, on_failure: stale}}}",
    "elsewhere": "{endpoint: GET /elsewhere, steps: {me: {call: moved.me}}}",
    "written": "{endpoint: POST /written, steps: {me: {call: mine.change}}}",
    "unknown": "{endpoint: GET /unknown, steps: {me: {call: shop.get_user, with: {id: 1}}}}",
}
GATEWAY = f"""
cors: {{origins: ["{ORIGIN}"]}}
routes:
  /raw: {{service: mine, forward: [X-Own]}}
  /live: {{service: mine, websocket: true}}
  /other: {{service: shop}}
"""
TOLD = ("x-user", "x-tenant", "x-roles", "accept-language")

# What a client sends to be taken for somebody else.
FORGED: tuple[list[Header], ...] = (
    [("X-User", "root")],
    [("x-user", "root"), ("X-USER", "root"), ("X-Tenant", "root"), ("X-Roles", "root")],
    [("X_User", "root"), ("x_tenant", "root"), ("X_ROLES", "root")],
    [("X.User", "root"), ("X.Tenant", "root")],
    [("X-User", ""), ("X-User", "root")],
    [("Accept-Language", "root"), ("accept_language", "root")],  # which else passes every route
    [("Connection", "close, X-User"), ("X-User", "root")],
    [("Connection", "x-user, x-roles"), ("X-Roles", "root"), ("X_User", "root")],
)


@pytest.fixture(scope="module", params=HOSTS)
def screen(request: pytest.FixtureRequest) -> Iterator[Screen]:
    """Asked as each of `CLAIMS`, by name."""
    with ExitStack() as stack:
        scripts = {
            "/me": whoami,
            "/users/1": user(),
            "/broken": reply(500),
            "/chat": switching(echo),
        }
        nobody = stack.enter_context(refusing_url())
        services = {
            "mine": "base: {shop}" + OF_CALLER,
            "moved": f"instances: [{nobody}, {{shop}}]{OF_CALLER}",
        }
        yield Screens(request.param, stack)(
            COMPOSITIONS,
            scripts,
            services=services,
            gateway=GATEWAY,
            identity=ByToken(CLAIMS | UNFIT),
        )


def sent(screen: Screen, *requests: tuple[str, str, list[Header]]) -> list[RecordedRequest]:
    """What the service gets for these requests."""
    screen.upstream.requests.clear()
    for method, target, headers in requests:
        screen.request(method, target, headers)
    return screen.upstream.requests


def told(request: RecordedRequest) -> dict[str, list[str]]:
    """What a request tells of the caller, by what some server takes its headers' names for."""
    found: dict[str, list[str]] = {}
    for name, value in request.headers:
        if folded(name) in TOLD:
            found.setdefault(folded(name), []).append(value)
    return found


def as_caller(name: str) -> list[Header]:
    return [("Authorization", f"Bearer {name}")]


TARGETS = ("/plain", "/stored", "/elsewhere", "/degraded", "/stale", "/raw/me", "/raw/me?x=1")


@pytest.mark.parametrize("target", TARGETS)
def test_service_gets_the_claims_of_its_caller_with_every_call(screen: Screen, target: str) -> None:
    expected = {"x-user": ["ann"], "x-tenant": ["north"], "x-roles": ["buyer,clerk"]}
    requests = sent(screen, ("GET", target, as_caller("ann")))
    assert requests
    assert [told(each) for each in requests] == [expected] * len(requests)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_writes_tells_who_calls_too(screen: Screen, method: str) -> None:
    target = "/written" if method == "POST" else "/raw/me"
    headers = [*as_caller("bo"), ("Content-Type", "application/json")]
    (request,) = sent(screen, (method, target, headers))
    assert told(request) == {"x-user": ["bo"]}


def test_claim_that_is_null_or_absent_sends_no_header(screen: Screen) -> None:
    for name in ("/plain", "/raw/me"):
        assert [told(each) for each in sent(screen, ("GET", name, as_caller("bo")))] == [
            {"x-user": ["bo"]}
        ]
        assert [told(each) for each in sent(screen, ("GET", name, []))] == [{}]


def test_service_that_states_nothing_learns_nothing(screen: Screen) -> None:
    own = as_caller("ann")
    for request in sent(screen, ("GET", "/unknown", own), ("GET", "/other/users/1", own)):
        assert told(request) == {}
        assert "north" not in str(request.headers)


@pytest.mark.parametrize("forged", FORGED, ids=lambda headers: ", ".join(map(": ".join, headers)))
@pytest.mark.parametrize("target", TARGETS)
def test_no_header_of_a_client_tells_a_service_who_calls(
    screen: Screen, target: str, forged: list[Header]
) -> None:
    """Degraded and fallback paths, another instance and stored replies included."""
    for own, expected in ((as_caller("bo"), {"x-user": ["bo"]}), ([], {})):
        for headers in ([*own, *forged], [*forged, *own]):
            for request in sent(screen, ("GET", target, headers)):
                assert told(request) == expected
                assert "root" not in str(request.headers)


_SPELLINGS = st.builds(
    lambda name, marks, upper: "".join(
        mark if each == "-" else (each.upper() if is_upper else each)
        for each, mark, is_upper in zip(name, marks, upper, strict=True)
    ),
    st.shared(st.sampled_from(TOLD), key="name"),
    st.shared(st.sampled_from(TOLD), key="name").flatmap(
        lambda name: st.lists(st.sampled_from("-_."), min_size=len(name), max_size=len(name))
    ),
    st.shared(st.sampled_from(TOLD), key="name").flatmap(
        lambda name: st.lists(st.booleans(), min_size=len(name), max_size=len(name))
    ),
)


@settings(max_examples=40, deadline=None)
@given(
    spelled=st.lists(_SPELLINGS, min_size=1, max_size=3),
    connection=st.none() | _SPELLINGS,
    target=st.sampled_from(["/plain", "/raw/me"]),
    is_known=st.booleans(),
)
def test_no_spelling_of_a_name_gets_in(
    screen: Screen, spelled: list[str], connection: str | None, target: str, is_known: bool
) -> None:
    headers = [(name, "root") for name in spelled]
    headers += [] if connection is None else [("Connection", f"close, {connection}")]
    headers += as_caller("bo") if is_known else []
    for request in sent(screen, ("GET", target, headers)):
        assert told(request) == ({"x-user": ["bo"]} if is_known else {})


@pytest.mark.parametrize("screen", ["http1"], indirect=True)  # the one that opens WebSockets
def test_handshake_of_a_websocket_tells_who_calls(screen: Screen) -> None:
    handshake = [
        ("Connection", "Upgrade, X-User"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
        ("Origin", ORIGIN),
        ("X-User", "root"),
        ("X_User", "root"),
        *as_caller("bo"),
    ]
    (request,) = sent(screen, ("GET", "/live/chat", handshake))
    assert told(request) == {"x-user": ["bo"]}


def test_text_is_sent_as_utf_8_and_an_empty_one_as_it_is(screen: Screen) -> None:
    (request,) = sent(screen, ("GET", "/plain", as_caller("zoe")))
    assert told(request) == {"x-user": ["zoë".encode().decode("latin-1")], "x-tenant": [""]}


@pytest.mark.parametrize("caller", UNFIT)
def test_claim_that_no_header_can_hold_fails_the_call_and_is_never_sent(
    screen: Screen, caller: str
) -> None:
    screen.upstream.requests.clear()
    for target in ("/plain", "/stored", "/raw/me"):
        if (caller, target) == ("half", "/stored"):
            continue  # no provider of the gateway's own takes such claims
        answer = screen.request("GET", target, as_caller(caller))
        assert (answer.status, answer.json()["reason"]) == (502, "bad_claim"), target
        assert "ann" not in answer.body.decode()
    degraded = screen.request("GET", "/degraded", as_caller(caller))
    assert degraded.status == 502  # the step that every caller needs
    assert screen.calls() == []


def test_stored_replies_and_payloads_are_one_callers(screen: Screen) -> None:
    for target in ("/cached", "/stored"):
        for _ in range(2):
            for name in ("ann", "bo"):
                answer = screen.get(target, **bearer(name))
                assert answer.json()["me"]["firstName"] == name
                assert is_private(answer)
            assert screen.get(target).json()["me"]["firstName"] == "nobody"


def whoami(exchange: Exchange) -> None:
    name = exchange.request.header("x-user") or "nobody"
    json_reply(f'{{"id": 1, "first_name": "{name}"}}')(exchange)


def is_private(answer: Answer) -> bool:
    control = {each.strip() for each in (answer.header("cache-control") or "").split(",")}
    return "private" in control and control.isdisjoint({"public"})


def problems_of(folder: Path, gateway: str, operation: str = "") -> list[str]:
    service = f"{SHOP_SERVICE}{operation}caller_headers: {{X-User-Id: '${{claims.sub}}'}}\n"
    write_project(folder, {}, services={"shop": service}, gateway=gateway)
    checked = check_project(folder)
    return [str(each) for each in (*checked.problems, *checked.warnings)]


@pytest.mark.parametrize("name", ["X-User-Id", "x-user-id"])
def test_route_that_would_forward_such_a_header_is_a_problem(tmp_path: Path, name: str) -> None:
    gateway = f"routes: {{/raw: {{service: shop, access: authenticated, forward: [{name}]}}}}\n"
    assert problems_of(tmp_path, gateway) == [
        "gateway.yaml:1:65 routes./raw.forward[0]: by 'X-User-Id' shop learns who calls, so no"
        " client may send it. Leave it out."
    ]


@pytest.mark.parametrize("name", ["X-User-Id", "x_user_id", "X.USER.ID", "x-user_id"])
def test_param_that_would_stand_for_such_a_header_is_a_problem(tmp_path: Path, name: str) -> None:
    operation = f"""  named:
    request: GET /named
    params: {{who: {{name: "{name}", in: header, type: string}}}}
    returns: none
"""
    (problem,) = problems_of(tmp_path, "", operation)
    assert f"to the service '{name}' is 'X-User-Id', by which it learns who calls" in problem


def test_route_that_anyone_may_call_to_a_service_that_learns_who_calls_is_a_warning(
    tmp_path: Path,
) -> None:
    gateway = "routes: {/raw: {service: shop, access: public}}\n"
    assert problems_of(tmp_path, gateway) == [
        "gateway.yaml:1:26 routes./raw.service: shop learns who calls, and here nobody may be"
        " known. Give the route an access that identifies: access: authenticated."
    ]
    assert problems_of(tmp_path, gateway.replace("public", "authenticated")) == []

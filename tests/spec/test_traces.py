"""The request's id and its trace, as services get them from steps and routes."""

import re

import pytest

from tests.support.gateway.screens import Screens, user, value_reply

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
NEW = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-01")
BOTH = "{endpoint: GET /screen, steps: {a: {call: shop.get_user, with: {id: 1}}, "
TWO = BOTH + "b: {call: shop.get_user, with: {id: 2}}}}"
USERS = {"/users/1": user(1), "/users/2": user(2), "/look": value_reply(1)}
ROUTE = "routes: {/raw: {service: shop}}"


def test_calls_of_one_request_have_its_id_and_trace_and_a_span_each(screens: Screens) -> None:
    screen = screens(TWO, USERS)
    answer = screen.get()
    parents = [NEW.fullmatch(each.header("traceparent") or "") for each in screen.upstream.requests]
    (first, second) = [each.groups() for each in parents if each is not None]
    assert first[0] == second[0]
    assert first[1] != second[1]
    assert first[0] == answer.header("x-request-id")  # so that the log's line leads to the trace
    ids = {each.header("x-request-id") for each in screen.upstream.requests}
    assert ids == {answer.header("x-request-id")}
    screen.get()
    other = NEW.fullmatch(screen.upstream.requests[-1].header("traceparent") or "")
    assert other is not None
    assert other[1] != first[0]
    screen.get(x_request_id="0" * 32)
    zero = NEW.fullmatch(screen.upstream.requests[-1].header("traceparent") or "")
    assert zero is not None


@pytest.mark.parametrize("path", ["/screen", "/raw/users/1"])
def test_trace_and_id_of_the_caller_go_on_as_they_came(screens: Screens, path: str) -> None:
    """The gateway records no spans, so the caller's stays the parent."""
    screen = screens(TWO, USERS, gateway=ROUTE)
    sent = {"x_request_id": "from-client-1", "traceparent": PARENT, "tracestate": "a=1,b=2"}
    assert screen.get(path, **sent).status == 200
    for request in screen.upstream.requests:
        assert request.header("x-request-id") == "from-client-1"
        assert request.header("traceparent") == PARENT
        assert request.header("tracestate") == "a=1,b=2"
        assert len({name for name, _ in request.headers}) == len(request.headers)


@pytest.mark.parametrize("later", [f"01{PARENT[2:]}", f"cc{PARENT[2:]}-more-of-it"])
def test_trace_of_a_later_version_goes_on_as_what_version_00_has_of_it(
    screens: Screens, later: str
) -> None:
    screen = screens(TWO, USERS)
    assert screen.get(traceparent=later, tracestate="a=1").status == 200
    for request in screen.upstream.requests:
        assert request.header("traceparent") == PARENT
        assert request.header("tracestate") == "a=1"


@pytest.mark.parametrize("path", ["/screen", "/raw/users/1"])
def test_trace_that_is_malformed_is_begun_anew_without_its_state(
    screens: Screens, path: str
) -> None:
    screen = screens(TWO, USERS, gateway=ROUTE)
    for malformed in (
        "", "x", PARENT.upper(), PARENT[:-1], PARENT + "0", f"{PARENT}-x", f"ff{PARENT[2:]}",
        f"01{PARENT[2:]}x", f"0x{PARENT[2:]}",
        f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE_ID}-{'0' * 16}-01",
        f"{PARENT}, {PARENT}",
    ):  # fmt: skip
        assert screen.get(path, traceparent=malformed, tracestate="a=1").status == 200
        request = screen.upstream.requests[-1]
        assert NEW.fullmatch(request.header("traceparent") or ""), malformed
        assert TRACE_ID not in (request.header("traceparent") or "")
        assert request.header("tracestate") is None
    twice = [("traceparent", PARENT), ("traceparent", PARENT)]
    assert screen.request("GET", path, twice).status == 200
    assert TRACE_ID not in (screen.upstream.requests[-1].header("traceparent") or "")


@pytest.mark.parametrize(("length", "passes"), [(512, True), (513, False)])
def test_state_of_a_trace_is_bounded(screens: Screens, length: int, passes: bool) -> None:
    screen = screens(TWO, USERS)
    state = "a=" + "b" * (length - 2)
    screen.get(traceparent=PARENT, tracestate=state)
    for request in screen.upstream.requests:
        assert request.header("traceparent") == PARENT
        assert request.header("tracestate") == (state if passes else None)


def test_trace_and_id_are_in_no_key(screens: Screens) -> None:
    """Neither of payloads nor of replies that steps share."""
    cached = TWO[:-1] + ", cache: {ttl: 1m}}"
    shared = "{endpoint: GET /shared, steps: {c: {call: shop.get_user, with: {id: 1}, "
    shared += "cache: {ttl: 1m}}}}"
    screen = screens({"cached": cached, "shared": shared}, USERS)
    for path, calls in (("/screen", 2), ("/shared", 3)):
        for number in "12":
            parent = f"00-{TRACE_ID[:-1]}{number}-b7ad6b7169203331-01"
            assert screen.get(path, x_request_id=number, traceparent=parent).status == 200
        assert len(screen.calls()) == calls


def test_what_an_operations_params_state_takes_the_place_of_the_gateways(screens: Screens) -> None:
    service = """
      trace:
        request: GET /look
        params:
          traceparent: {in: header, type: string, required: false}
          X-Request-ID: {in: header, type: string, required: false}
        returns: schemas.shop:Loose
    """.replace("\n    ", "\n")
    screen = screens(
        """
        endpoint: GET /screen
        params: {id: {type: string, required: false}}
        steps: {t: {call: shop.trace, with: {traceparent: "mine", X-Request-ID: "${params.id}"}}}
        """,
        USERS,
        service=service,
    )
    screen.get("/screen?id=own", traceparent=PARENT, tracestate="a=1")
    screen.get("/screen", x_request_id="given")
    first, second = screen.upstream.requests
    for request, wanted in ((first, "own"), (second, "given")):
        assert [value for name, value in request.headers if name == "x-request-id"] == [wanted]
        assert [value for name, value in request.headers if name == "traceparent"] == ["mine"]
        assert request.header("tracestate") is None


def test_service_that_has_headers_of_its_own_gets_the_trace_beside_them(screens: Screens) -> None:
    screen = screens(TWO, USERS, service="headers: {X-Api-Version: '3'}\n")
    screen.get(x_request_id="r-1")
    screen.get(x_request_id="r-2")
    ids = [each.header("x-request-id") for each in screen.upstream.requests]
    assert ids == ["r-1", "r-1", "r-2", "r-2"]
    assert {each.header("x-api-version") for each in screen.upstream.requests} == {"3"}

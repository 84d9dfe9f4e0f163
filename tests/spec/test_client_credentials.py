"""Tokens by client credentials over real servers: one for all, and once more after a 401."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bff.telemetry.logs.repeats import COUNT
from tests.support.gateway.screens import Screen, Screens, user
from tests.support.upstream.wire import Exchange, Script, WireServer
from tests.support.upstream.wire_scripts import json_reply, never, refusing_url, reply

USER = "{endpoint: GET /screen, steps: {user: {call: bank.get_user, with: {id: 1}}}}"
PAY = "{endpoint: POST /pay, steps: {paid: {call: bank.pay}}}"
BANK = """
base: {shop}
timeout: %s
auth:
  client_credentials:
    token_url: %s/token
    client_id: "sh:op"
    client_secret: "${secret.SECRET}"
    scopes: [read, write]
operations:
  get_user:
    request: GET /users/{id}
    params: {id: {type: integer}}
    returns: schemas.shop:User
  pay:
    request: POST /payments
    returns: none
"""


class Login:
    """An authorization server that gives t1, t2, …; `valid` are the tokens that the bank takes."""

    def __init__(self, stack: ExitStack, script: Script | None = None) -> None:
        self.server = stack.enter_context(WireServer(script or self._give))
        self.valid: set[str] = set()
        self.given = 0
        self._lock = threading.Lock()

    def _give(self, exchange: Exchange) -> None:
        with self._lock:
            self.given += 1
            token = f"t{self.given}"
            self.valid.add(token)
        body = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
        json_reply(body)(exchange)

    def guarded(self, script: Script) -> Script:
        """The script, for those alone who have a valid token."""

        def check(exchange: Exchange) -> None:
            given = (exchange.request.header("authorization") or "").removeprefix("Bearer ")
            (script if given in self.valid else reply(401))(exchange)

        return check


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "p/w")


def opened(
    stack: ExitStack,
    login: Login | str,
    *,
    compositions: str = USER,
    gateway: str = "",
    timeout: str = "10s",
) -> Screen:
    url = login if isinstance(login, str) else login.server.url
    guard = (lambda script: script) if isinstance(login, str) else login.guarded
    scripts = {
        "/users/1": guard(user()),
        "/payments": guard(reply(204)),
        "/x": guard(json_reply("{}")),
    }
    declared = {"screen": compositions, "pay": PAY} if compositions == USER else compositions
    return Screens("http1", stack)(
        declared, scripts, services={"bank": BANK % (timeout, url)}, gateway=gateway
    )


def test_one_token_serves_all_calls_however_many_ask(stack: ExitStack) -> None:
    login = Login(stack)
    screen = opened(stack, login)
    answers = [each.result() for each in [screen.begin() for _ in range(12)]]
    assert {answer.status for answer in answers} == {200}
    (asked,) = login.server.requests
    assert asked.header("authorization") == "Basic c2glM0FvcDpwJTJGdw=="  # sh%3Aop:p%2Fw
    assert {each.header("authorization") for each in screen.upstream.requests} == {"Bearer t1"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_call_is_made_once_more_with_a_new_token_after_a_401_and_writes_too(
    stack: ExitStack, method: str
) -> None:
    """It was refused, and not done."""
    login = Login(stack)
    screen = opened(stack, login)
    assert screen.get().status == 200
    login.valid.clear()
    answer = screen.get() if method == "GET" else screen.post({}, "/pay")
    assert answer.status == 200
    sent = [each.header("authorization") for each in screen.upstream.requests]
    assert sent == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_new_token_that_is_refused_too_is_502_and_an_error_in_the_log_once_a_minute(
    stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    login = Login(stack)
    screen = opened(stack, login)
    screen.let("/users/1", reply(401))
    assert [screen.get().status for _ in range(3)] == [502, 502, 502]
    assert len(screen.upstream.requests) == 4
    assert login.given == 2
    stack.close()  # which reports those that are not reported yet
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [getattr(each, COUNT) for each in errors] == [1, 2]
    assert all(each.getMessage().startswith("bank.get_user refuses") for each in errors)


@pytest.mark.parametrize("policy", ["fail", "optional"])
def test_token_endpoint_that_is_down_is_a_failure_of_the_step(
    stack: ExitStack, policy: str
) -> None:
    with refusing_url() as nobody:
        composition = USER.replace("{id: 1}", f"{{id: 1}}, on_failure: {policy}")
        screen = opened(stack, nobody, compositions=composition)
        answer = screen.get()
    assert screen.calls() == []
    if policy == "optional":
        assert (answer.status, answer.json()) == (200, {"user": None})
        assert 'details="user: no_token"' in (answer.header("proxy-status") or "")
        return
    assert answer.status == 502
    assert answer.json()["reason"] == "no_token"
    assert answer.json()["detail"] == "The step 'user' failed: the gateway may not ask its service."


def test_write_without_a_token_was_not_done(stack: ExitStack) -> None:
    login = Login(stack, reply(500))
    screen = opened(stack, login)
    answer = screen.post({}, "/pay")
    assert (answer.status, answer.json()["steps"]) == (502, {"paid": "failed"})


def test_call_waits_for_a_token_within_its_own_time(stack: ExitStack) -> None:
    login = Login(stack, never())
    screen = opened(stack, login, timeout="500ms")
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) in ((504, "timeout"), (502, "no_token"))
    assert len(login.server.requests) == 1


def test_deadline_holds_while_a_call_waits_for_a_token(stack: ExitStack) -> None:
    login = Login(stack, never())
    composition = USER.replace("steps:", "deadline: 200ms, steps:")
    screen = opened(stack, login, compositions=composition)
    answer = screen.get()
    assert (answer.status, answer.json()["reason"]) == (504, "deadline")


def test_route_that_lends_the_services_credentials_has_its_tokens(stack: ExitStack) -> None:
    login = Login(stack)
    routes = "routes: {/raw: {service: bank, access: public, credentials: service}}"
    screen = opened(stack, login, gateway=routes)
    assert screen.get("/raw/x", authorization="Bearer mine").status == 200
    login.valid.clear()
    assert screen.get("/raw/x").status == 200
    assert screen.request("POST", "/raw/x", body=b"hello").status == 200
    login.valid.clear()
    streamed = screen.request("POST", "/raw/x", body=iter([b"hel", b"lo"]))
    assert streamed.status == 502  # it can't be sent again
    assert screen.get("/raw/x").status == 200
    sent = [each.header("authorization") for each in screen.upstream.requests]
    assert sent == [f"Bearer t{number}" for number in (1, 1, 2, 2, 2, 3)]

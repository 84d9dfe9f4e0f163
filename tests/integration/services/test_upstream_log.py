"""What the log says at `debug` of each upstream call, and of those that took too long."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, get_args

import pytest

from bff.settings import Settings
from bff.telemetry.logs.fields import ECS_VERSION
from bff.upstream.transports import TransportName
from bff.version import __version__
from tests.support.gateway.hosts import Answer
from tests.support.gateway.screens import Screen, Screens, user
from tests.support.structured_fields import read_list
from tests.support.telemetry.log_lines import written
from tests.support.upstream.wire import Script
from tests.support.upstream.wire_scripts import head, never, reply, stall_after, unreachable_url

SCREEN = """
endpoint: GET /screen/{id}
params: {id: {type: integer}}
steps: {user: {call: shop.get_user, with: {id: "${params.id}"}}}
"""
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def screens() -> Iterator[Screens]:
    with ExitStack() as stack:
        yield Screens("http1", stack)


@pytest.fixture
def calls(capfdbinary: pytest.CaptureFixture[bytes]) -> Lines:
    """The log's lines on upstream calls, once the screen has ended."""

    def read() -> list[dict[str, Any]]:
        return written(capfdbinary, "upstream")

    return read


def served(screens: Screens, script: Script, transport: TransportName, **more: Any) -> Screen:
    settings = Settings(log_level="debug", transport=transport)
    return screens(SCREEN, {"/users/4711": script}, settings=settings, **more)


def asked(screen: Screen, target: str = "/screen/4711") -> Answer:
    answer = screen.get(target)
    screen.host.app.extensions["bff"].core.log.flush()
    return answer


def test_each_call_is_a_line_by_its_template_and_without_values(
    screens: Screens, calls: Lines
) -> None:
    screen = served(
        screens,
        user(4711, "Hush"),
        "http1",
        service="query: {tenant: hush}\n",
        gateway="routes: {/raw: {service: shop, strip: true}}",
    )
    assert asked(screen).status == 200
    assert asked(screen, "/raw/users/4711?name=hush").status == 200
    of_step, of_route = calls()
    assert of_step.pop("event.duration") > 0
    assert of_step.pop("@timestamp")
    body = b'{"id": 4711, "first_name": "Hush"}'
    assert len(of_step.pop("trace.id")) == 32
    host, port = screen.upstream.url.removeprefix("http://").split(":")
    assert of_step == {
        "log.level": "debug",
        "message": "call of shop.get_user",
        "ecs.version": ECS_VERSION,
        "event.dataset": "bff.upstream",
        "event.kind": "event",
        "event.category": ["web"],
        "event.type": ["access"],
        "event.outcome": "success",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.response.body.bytes": len(body),
        "service.name": "bff",
        "service.version": __version__,
        "server.address": host,
        "server.port": int(port),
        "bff.service": "shop",
        "bff.instance": screen.upstream.url,
        "bff.operation": "shop.get_user",
        "bff.template": "/users/{id}",
    }
    names = ("bff.service", "http.request.method", "http.response.status_code")
    assert tuple(map(of_route.get, names)) == ("shop", "GET", 200)
    text = json.dumps([of_step, of_route]).lower()
    assert "hush" not in text
    assert "4711" not in text


def test_calls_are_not_logged_unless_they_are_wanted(screens: Screens, calls: Lines) -> None:
    screen = screens(SCREEN, {"/users/4711": user(4711)}, settings=Settings(log_level="info"))
    assert asked(screen).status == 200
    assert calls() == []


@pytest.mark.parametrize("transport", get_args(TransportName))
@pytest.mark.parametrize(
    "script",
    [never(), stall_after(head(200, [("Content-Length", "10")]) + b"abc")],
    ids=["no head", "half a body"],
)
def test_slow_reply_is_a_timeout_of_the_reply_and_not_of_connecting(
    screens: Screens, calls: Lines, transport: TransportName, script: Script
) -> None:
    screen = served(screens, script, transport, service="timeout: 300ms\n")
    answer = asked(screen)
    assert (answer.status, answer.json()["reason"]) == (504, "timeout")
    ((_, status),) = read_list(answer.header("proxy-status") or "")
    assert status["error"] == "http_response_timeout"
    (call,) = calls()
    assert call["error.type"] == "timeout"
    assert 250e6 < call["event.duration"] < 3000e6


@pytest.mark.parametrize("transport", get_args(TransportName))
def test_connection_that_hangs_is_a_timeout_of_connecting(
    screens: Screens, calls: Lines, transport: TransportName
) -> None:
    with unreachable_url() as url:
        services = {"far": f"base: {url}\ntimeout: 600ms\n" + FAR}
        screen = screens(
            SCREEN.replace("shop", "far"),
            settings=Settings(log_level="debug", transport=transport),
            services=services,
        )
        answer = asked(screen)
    assert (answer.status, answer.json()["reason"]) == (504, "connect_timeout")
    ((_, status),) = read_list(answer.header("proxy-status") or "")
    assert status["error"] == "connection_timeout"
    (call,) = calls()
    assert call["error.type"] == "connect_timeout"


FAR = """
operations:
  get_user:
    request: GET /users/{id}
    params: {id: {type: integer}}
    returns: schemas.shop:User
"""


def test_call_that_is_cancelled_is_a_line(screens: Screens, calls: Lines) -> None:
    both = """
    endpoint: GET /screen
    steps:
      slow: {call: shop.get_user, with: {id: 1}}
      bad: {call: shop.get_user, with: {id: 2}}
    """
    screen = screens(
        both, {"/users/1": never(), "/users/2": reply(500)}, settings=Settings(log_level="debug")
    )
    assert asked(screen, "/screen").status == 502
    names = ("error.type", "http.response.status_code")
    assert {tuple(map(each.get, names)) for each in calls()} == {(None, 500), ("cancelled", None)}

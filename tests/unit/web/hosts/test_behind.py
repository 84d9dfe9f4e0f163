"""What the log says of a reply of the app behind a host."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from bff.web.hosts.behind import Send, hand_over
from bff.web.http.destination import Destination
from bff.web.http.requests import ClientGone, GatewayRequest
from bff.web.logs.log import Log
from bff.web.telemetry.telemetry import Telemetry
from tests.support.telemetry.log_streams import Recorder


class Served(NamedTuple):
    """What `hand_over` needs of a gateway."""

    telemetry: Telemetry
    app_destination: Destination = Destination("app", release="now")


class App:
    """Sends so many of the ten bytes that it announces."""

    def __init__(self, sent_bytes: int) -> None:
        self._sent_bytes = sent_bytes

    async def __call__(self, scope: Any, send: Send) -> None:
        headers = [(b"content-length", b"10")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(self._sent_bytes)})


async def leave_after(answer: Callable[[], Awaitable[None]]) -> None:
    """The client leaves before the app has returned."""
    await answer()
    raise ClientGone


async def leave_before(_answer: Callable[[], Awaitable[None]]) -> None:
    """The client leaves before the app has answered."""
    raise ClientGone


async def fail_before(_answer: Callable[[], Awaitable[None]]) -> None:
    """The app fails, and has not answered."""
    raise ZeroDivisionError


async def fail_after(answer: Callable[[], Awaitable[None]]) -> None:
    """The app fails in its reply."""
    await answer()
    raise ZeroDivisionError


async def end_before(_answer: Callable[[], Awaitable[None]]) -> None:
    """The server ends before the app has answered."""
    raise asyncio.CancelledError


async def end_after(answer: Callable[[], Awaitable[None]]) -> None:
    """The server ends while the app answers."""
    await answer()
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("sent_bytes", "leave", "status", "broken"),
    [
        (10, leave_after, 200, None),
        (9, leave_after, 200, "client left"),
        (10, leave_before, 499, None),
        (10, fail_before, 500, None),  # which the host answers with
        (9, fail_after, 200, "app broke off"),
        (10, end_before, 503, "gateway closed"),
        (9, end_after, 200, "gateway closed"),
    ],
)
def test_line_says_what_became_of_the_apps_reply(
    sent_bytes: int, leave: Any, status: int, broken: str | None
) -> None:
    """A client that leaves before is no error of the app's, nor is one that has all."""
    line = line_of(GatewayRequest("GET", "/x", "", []), App(sent_bytes), leave)
    assert (line["http.response.status_code"], line.get("bff.broken")) == (status, broken)


def test_line_names_the_release_that_left_the_request_to_the_app() -> None:
    """Another one may be served by then."""
    request = GatewayRequest("GET", "/x", "", [])
    assert line_of(request, App(10), leave_after)["bff.release"] == "now"
    request.destination = Destination("app", release="before")
    assert line_of(request, App(10), leave_after)["bff.release"] == "before"


def line_of(request: GatewayRequest, app: App, leave: Any) -> dict[str, Any]:
    """The line in the log of a request that the app answers."""
    recorder = Recorder()
    log = Log("info", recorder)

    async def send(_message: Any) -> None:
        pass

    gateway: Any = Served(Telemetry(log))
    with suppress(ZeroDivisionError, asyncio.CancelledError):
        asyncio.run(hand_over(app, request, {}, send, leave, gateway))
    log.flush()
    (line,) = recorder.lines()
    return line

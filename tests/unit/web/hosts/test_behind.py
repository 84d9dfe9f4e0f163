"""What the log says of a reply of the app behind a host."""

import asyncio
from collections.abc import Awaitable, Callable
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
    app_destination: Destination = Destination("app")


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


@pytest.mark.parametrize(
    ("sent_bytes", "leave", "status", "broken"),
    [
        (10, leave_after, 200, None),
        (9, leave_after, 200, "client left"),
        (10, leave_before, 499, None),
    ],
)
def test_client_that_leaves_breaks_a_reply_that_it_has_in_part(
    sent_bytes: int, leave: Any, status: int, broken: str | None
) -> None:
    """One that leaves before is no error of the app's."""
    recorder = Recorder()
    log = Log("info", recorder)

    async def send(_message: Any) -> None:
        pass

    request = GatewayRequest("GET", "/x", "", [])
    gateway: Any = Served(Telemetry(log))
    asyncio.run(hand_over(App(sent_bytes), request, {}, send, leave, gateway))
    log.flush()
    (line,) = recorder.lines()
    assert (line["http.response.status_code"], line.get("bff.broken")) == (status, broken)

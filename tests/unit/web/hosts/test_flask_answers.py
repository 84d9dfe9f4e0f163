"""Streamed replies under WSGI, and who ends them."""

import threading
from collections.abc import AsyncIterator
from queue import SimpleQueue
from typing import Any

from werkzeug.test import create_environ

from bff.web.hosts.flask.answers import Answers
from bff.web.hosts.flask.loop_thread import LoopThread
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.log import Log
from bff.web.serving.pending import Pending
from bff.web.telemetry.telemetry import Telemetry
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.telemetry.log_streams import Recorder, request


class Seen(Telemetry):
    """Notes in which thread a reply is said to have broken off."""

    def __init__(self) -> None:
        super().__init__(Log("error", Recorder()))
        self.threads: SimpleQueue[threading.Thread] = SimpleQueue()

    def broken(self, *_: Any) -> None:
        self.threads.put(threading.current_thread())


class Finisher:
    """Leaves replies as they are."""

    def finish(self, _: GatewayRequest, reply: Reply) -> Reply:
        return reply

    def report_bug(self, _: GatewayRequest, error: Exception) -> Reply:
        raise error


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x"


async def work() -> Reply:
    return Reply(200, [], endless())


def test_reply_that_nobody_holds_any_more_is_ended_by_the_loop() -> None:
    """The collector may let go of it in any thread, within the log or the sender of spans: to take
    their locks there would wait for ever. A server that closes it ends it at once."""
    seen, loop_thread = Seen(), LoopThread()
    for closes in (False, True):
        asked = request("/a")
        pending = Pending(Finisher(), asked, work, reads_body=False, may_be_abandoned=True)
        response = Answers(seen).answer(create_environ(), asked, pending, loop_thread.loop)
        if closes:
            response.close()
            assert seen.threads.get_nowait() is threading.current_thread()
        del response
        if not closes:
            assert seen.threads.get(timeout=WAIT_BUDGET_SECONDS).name == "bff-loop"
    assert seen.threads.empty()
    loop_thread.stop()

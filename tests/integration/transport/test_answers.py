"""The rules of `bff.engine.answers`, over both transports: when an answer comes, and when none."""

import asyncio
import gc
from functools import partial

import pytest

from bff.engine.answers import Handle, answer_to
from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.http1.exchanges import WholeReply
from bff.upstream.ports import Transport
from bff.upstream.transports import TransportName
from tests.support.upstream.requests import UpstreamRequest
from tests.support.upstream.transports import NAMES, get, run
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import never, refusing_url, reply

every_transport = pytest.mark.parametrize("name", NAMES)


class Answers:
    """What a call answers, in order."""

    def __init__(self) -> None:
        self.all: list[UpstreamReply | Failed | Exception] = []
        self.came = asyncio.Event()

    def take(self, answer: UpstreamReply | Failed | Exception) -> None:
        self.all.append(answer)
        self.came.set()

    def begin(self, transport: Transport, request: UpstreamRequest) -> Handle:
        """Begin a fetch; fails where it answers before it returns."""
        handle = request.fetch(transport, self.take, timeout_seconds=5, byte_cap=1_000)
        assert self.all == []
        return handle


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@every_transport
@pytest.mark.parametrize("url", ["http://upstream.test/a b", "ftp://upstream.test/", "refusing"])
def test_failure_comes_after_the_call_has_returned_and_once(name: TransportName, url: str) -> None:
    async def scenario(transport: Transport) -> None:
        with refusing_url() as refusing:
            answers = Answers()
            answers.begin(transport, get(refusing if url == "refusing" else url))
            await answers.came.wait()
            await turns(5)
            assert [type(each) for each in answers.all] == [Failed]

    run(name, scenario)


@every_transport
@pytest.mark.parametrize("path", ["/never", "/bad path"])
def test_cancelled_call_answers_never_and_may_be_cancelled_again(
    name: TransportName, path: str
) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer({"/never": never()}) as server:
            answers = Answers()
            handle = answers.begin(transport, get(server.url + path))
            if path == "/never":
                await asyncio.to_thread(server.wait_for_requests, 1)
            handle.cancel()
            handle.cancel()
            await turns(20)
            assert answers.all == []
            await asyncio.to_thread(server.wait_until, lambda server: not server.open_connections)

    run(name, scenario)


@every_transport
def test_cancelling_after_the_answer_leaves_the_connection_to_the_next(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        with WireServer(reply(body=b"ok")) as server:
            for _ in range(2):
                answers = Answers()
                handle = answers.begin(transport, get(server.url + "/"))
                await answers.came.wait()
                handle.cancel()
            assert server.accepted == 1

    run(name, scenario)


def test_exchange_leaves_no_reference_cycle() -> None:
    """Else the collector would have to find each call, and its reply with it."""

    async def scenario(transport: Transport) -> None:
        with WireServer(reply(body=b"ok")) as server:
            fetch = partial(
                get(server.url + "/").fetch, transport, timeout_seconds=5, byte_cap=1_000
            )
            await answer_to(fetch)
            gc.collect()
            gc.disable()
            gc.set_debug(gc.DEBUG_SAVEALL)
            try:
                for _ in range(20):
                    assert isinstance(await answer_to(fetch), UpstreamReply)
                gc.collect()
                # Others leave cycles of their own, the server's threads for example.
                exchanges = [each for each in gc.garbage if isinstance(each, WholeReply)]
                host = b"host: " + server.url.removeprefix("http://").encode()
                assert [each for each in exchanges if host in each._data] == []
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()

    run("http1", scenario)


@every_transport
def test_exchange_that_takes_too_long_is_not_over_before_its_time(name: TransportName) -> None:
    async def scenario(transport: Transport) -> None:
        loop = asyncio.get_running_loop()
        with WireServer(never()) as server:
            began = loop.time()
            request = get(server.url + "/")
            fetch = partial(request.fetch, transport, timeout_seconds=0.2, byte_cap=9)
            outcome = await answer_to(fetch)
            assert isinstance(outcome, Failed)
            assert outcome.reason is Reason.TIMEOUT
            assert loop.time() - began >= 0.2

    run(name, scenario)

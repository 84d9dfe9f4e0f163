"""A tunnel over transports that a test moves: what holds in moments that sockets rarely meet."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bff.settings import Settings
from bff.web.gateway import Gateway, load_gateway
from bff.web.hosts.http1.service import Service, Writer
from bff.web.hosts.http1.tunnel import LINGER_SECONDS, Tunnel
from bff.web.http.replies import SwitchedReply
from tests.support.gateway.http1 import EchoApp, PiecewiseTransport
from tests.support.projects import write_project

Scenario = Callable[["Ends"], Awaitable[None]]


class Ends:
    """A tunnel and the transports of its two ends."""

    def __init__(self, gateway: Gateway, early: bytes = b"") -> None:
        loop = asyncio.get_running_loop()
        self.service = Service(gateway, EchoApp(), gateway.settings, loop)
        self.client, self.upstream = PiecewiseTransport(loop), PiecewiseTransport(loop)
        self.writer = Writer(self.client, loop)
        reply = SwitchedReply(101, [], transport=self.upstream, early=early)
        self.upstream.pause_reading()
        self.tunnel = Tunnel(self.service, self.writer, reply)

    @property
    def protocols(self) -> tuple[asyncio.Protocol, asyncio.Protocol]:
        client, upstream = self.client.protocol, self.upstream.protocol
        assert client is not None
        assert upstream is not None
        return client, upstream


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Scenario], None]:
    gateway = load_gateway(write_project(tmp_path), Settings(log_level="error"))

    async def main(scenario: Scenario) -> None:
        ends = Ends(gateway)
        try:
            await asyncio.wait_for(scenario(ends), 10)
        finally:
            ends.service.wheel.stop()

    return lambda scenario: asyncio.run(main(scenario))


def test_end_that_is_closing_when_the_tunnel_opens_closes_the_other(
    run: Callable[[Scenario], None],
) -> None:
    async def scenario(ends: Ends) -> None:
        ends.upstream.close()
        ends.tunnel.open(b"early")
        await ends.tunnel.closed
        assert ends.client.ended
        assert ends.upstream.written == b""
        assert ends.tunnel.facts()["bff.closed_by"] == "service"
        assert not ends.service.connections

    run(scenario)


def test_both_ends_closing_when_the_tunnel_opens_end_it(run: Callable[[Scenario], None]) -> None:
    async def scenario(ends: Ends) -> None:
        ends.upstream.close()
        ends.client.close()
        ends.tunnel.open(b"")
        await ends.tunnel.closed

    run(scenario)


def test_service_is_not_read_while_the_client_has_not_read_what_came_before_the_tunnel(
    run: Callable[[Scenario], None],
) -> None:
    async def scenario(ends: Ends) -> None:
        ends.writer.pause()
        ends.tunnel.open(b"")
        assert not ends.upstream.readable.is_set()
        assert ends.client.readable.is_set()
        ends.protocols[0].resume_writing()
        assert ends.upstream.readable.is_set()
        ends.tunnel.abort()
        await ends.tunnel.closed

    run(scenario)


def test_each_end_is_paused_by_the_other_alone(run: Callable[[Scenario], None]) -> None:
    async def scenario(ends: Ends) -> None:
        ends.tunnel.open(b"")
        client, upstream = ends.protocols
        upstream.pause_writing()
        assert (ends.client.readable.is_set(), ends.upstream.readable.is_set()) == (False, True)
        client.pause_writing()
        assert (ends.client.readable.is_set(), ends.upstream.readable.is_set()) == (False, False)
        upstream.resume_writing()
        assert (ends.client.readable.is_set(), ends.upstream.readable.is_set()) == (True, False)
        ends.tunnel.abort()
        await ends.tunnel.closed

    run(scenario)


def test_idle_time_begins_anew_with_each_byte_and_lingering_has_an_end(
    run: Callable[[Scenario], None],
) -> None:
    async def scenario(ends: Ends) -> None:
        wheel = ends.service.wheel
        idle_seconds = ends.service.settings.websocket_idle_seconds
        ends.tunnel.open(b"")
        began = wheel.now
        assert ends.tunnel.check(began + idle_seconds - 1) == began + idle_seconds
        wheel.now = began + 100
        ends.protocols[1].data_received(b"x")
        assert ends.tunnel.check(began + idle_seconds) == began + 100 + idle_seconds
        ends.client.holds = True  # what was written to it does not go out
        assert ends.tunnel.check(began + 100 + idle_seconds) is None
        await asyncio.sleep(0)
        assert ends.upstream.ended
        assert not ends.tunnel.closed.done()
        ends.client.holds = False
        ends.tunnel.check(began + 100 + idle_seconds + LINGER_SECONDS)
        await ends.tunnel.closed
        assert ends.tunnel.facts()["bff.closed_by"] == "idle"

    run(scenario)


def test_what_arrives_in_the_turn_in_which_the_other_end_closes_is_dropped(
    run: Callable[[Scenario], None],
) -> None:
    async def scenario(ends: Ends) -> None:
        ends.tunnel.open(b"")
        client, upstream = ends.protocols
        ends.upstream.close()
        client.data_received(b"late")
        assert client.eof_received() is False
        upstream.connection_lost(None)
        await ends.tunnel.closed
        assert ends.upstream.written == b""

    run(scenario)

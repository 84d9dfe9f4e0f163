"""What the pools of both transports count, over real sockets: each number moves by what is done."""

import asyncio
import socket
import sys

import pytest

from bff.engine.answers import answer_to
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Service
from bff.telemetry.metrics.definitions.services import (
    CONNECTS,
    INSTANCE_RESTS,
    OPEN_CONNECTIONS,
    PASSED_OVER,
    POOL_WAITING,
    POOL_WAITS,
    RESTING_INSTANCES,
    REUSED_CONNECTIONS,
)
from bff.telemetry.metrics.families import Cell, Metrics
from bff.upstream.http1.pool import Limits
from bff.upstream.http1.transport import Http1Transport
from bff.upstream.pipeline.balance import REST_SECONDS
from bff.upstream.pipeline.stack import ServiceClient
from bff.upstream.ports import Server, Transport, server_at
from bff.upstream.transports import TransportName, open_transport
from tests.support.upstream.transports import NAMES, fetched, get
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply, never, refusing_url

every_transport = pytest.mark.parametrize("name", NAMES)


def number(cell: Cell) -> int:
    """How many values a histogram's series has."""
    return int(sum(cell[:-1]))


async def get_from(transport: Transport, url: str, seconds: float = 5.0) -> UpstreamReply | Failed:
    return await fetched(transport, get(f"{url}/x"), timeout_seconds=seconds, byte_cap=1000)


def open_now(metrics: Metrics, server: Server, state: str) -> float:
    gauge = metrics.gauge(OPEN_CONNECTIONS)
    gauge.read_all()
    return gauge.at(server.host, server.port, state)[0]


@every_transport
def test_connection_counts_as_opened_once_and_as_reused_from_then_on(name: TransportName) -> None:
    async def main() -> None:
        metrics = Metrics()
        transport = open_transport(name, metrics)
        with WireServer(json_reply(b"{}")) as wire:
            server = server_at(wire.url)
            for _ in range(3):
                assert isinstance(await get_from(transport, wire.url), UpstreamReply)
            connects = metrics.histogram(CONNECTS).at(server.host, server.port, "")
            assert number(connects) == 1
            waits = metrics.histogram(POOL_WAITS).at(server.host, server.port)
            assert number(waits) == 1
            assert metrics.counter(REUSED_CONNECTIONS).at(server.host, server.port) == [2]
            assert open_now(metrics, server, "idle") == 1
            assert open_now(metrics, server, "active") == 0
            await transport.close()
        assert open_now(metrics, server, "idle") == 0

    asyncio.run(main())


@every_transport
def test_connection_with_an_exchange_is_active(name: TransportName) -> None:
    async def main() -> None:
        metrics = Metrics()
        transport = open_transport(name, metrics)
        with WireServer(never()) as wire:
            server = server_at(wire.url)
            call = asyncio.create_task(get_from(transport, wire.url))
            await asyncio.to_thread(wire.wait_for_requests, 1)
            assert open_now(metrics, server, "active") == 1
            assert open_now(metrics, server, "idle") == 0
            call.cancel()
            await asyncio.wait((call,))
            assert open_now(metrics, server, "active") == 0
            await transport.close()

    asyncio.run(main())


@every_transport
def test_request_waits_until_its_connection_is_there_or_nobody_waits(name: TransportName) -> None:
    async def main() -> None:
        metrics = Metrics()
        transport = open_transport(name, metrics)
        waiting = metrics.gauge(POOL_WAITING)

        async def seen(url: str, count: int) -> None:
            server = server_at(url)
            async with asyncio.timeout(20):
                while waiting.at(server.host, server.port) != [count]:
                    waiting.read_all()
                    await asyncio.sleep(0.001)
            states = [open_now(metrics, server, each) for each in ("active", "idle")]
            assert states == [0, 0]

        with socket.create_server(("127.0.0.1", 0)) as silent:  # says nothing of TLS
            url = f"https://127.0.0.1:{silent.getsockname()[1]}"
            call = asyncio.create_task(get_from(transport, url))
            await seen(url, 1)
            call.cancel()
            await asyncio.wait((call,))
            await seen(url, 0)
        server = server_at(url)
        assert number(metrics.histogram(POOL_WAITS).at(server.host, server.port)) == 1
        await transport.close()

    asyncio.run(main())


@every_transport
def test_connection_that_does_not_come_about_counts_by_the_reason(name: TransportName) -> None:
    async def main() -> None:
        metrics = Metrics()
        transport = open_transport(name, metrics)
        with refusing_url() as url:
            failed = await get_from(transport, url)
        assert isinstance(failed, Failed)
        assert failed.reason is Reason.REFUSED
        server = server_at(url)
        connects = metrics.histogram(CONNECTS)
        assert number(connects.at(server.host, server.port, "refused")) == 1
        assert number(connects.at(server.host, server.port, "")) == 0
        await transport.close()

    asyncio.run(main())


def test_requests_that_wait_for_a_connection_are_seen_and_their_waits_counted() -> None:
    async def main() -> None:
        metrics = Metrics()
        transport = Http1Transport(Limits(0.5, 4.0, connections=1), metrics)
        with WireServer(never()) as wire:
            server = server_at(wire.url)
            first = asyncio.create_task(get_from(transport, wire.url))
            await asyncio.to_thread(wire.wait_for_requests, 1)
            others = [asyncio.create_task(get_from(transport, wire.url, 0.2)) for _ in range(2)]
            await asyncio.sleep(0)
            waiting = metrics.gauge(POOL_WAITING)
            waiting.read_all()
            assert waiting.at(server.host, server.port) == [2]
            for each in await asyncio.gather(*others):
                assert isinstance(each, Failed)
            waiting.read_all()
            assert waiting.at(server.host, server.port) == [0]
            waits = metrics.histogram(POOL_WAITS).at(server.host, server.port)
            assert number(waits) == 3  # the first waited until the connection was there
            assert waits[-1] >= 0.4
            first.cancel()
            await asyncio.wait((first,))
            await transport.close()

    asyncio.run(main())


def test_instance_without_a_connection_is_seen_to_rest_and_to_be_passed_over() -> None:
    async def main() -> None:
        metrics, now = Metrics(), [0.0]
        transport = open_transport("http1", metrics)
        with WireServer(json_reply(b"{}")) as wire, refusing_url() as refusing:
            urls = (refusing, wire.url)
            services = {"shop": Service("shop", urls, 5.0)}
            client = ServiceClient(transport, services, 1000, lambda: now[0], metrics)
            call = ServiceCall("shop", "GET", "/x")
            for _ in range(4):
                reply = await answer_to(lambda on: client.fetch(call, 5.0, on))
                assert isinstance(reply, UpstreamReply)
            dead, alive = (("shop", *server_at(url)[1:]) for url in urls)
            resting = metrics.gauge(RESTING_INSTANCES)
            resting.read_all()
            assert (resting.at(*dead), resting.at(*alive)) == ([1], [0])
            assert metrics.counter(INSTANCE_RESTS).series == {dead: [1]}
            assert metrics.counter(PASSED_OVER).series == {dead: [3]}
            now[0] += REST_SECONDS
            resting.read_all()
            assert resting.at(*dead) == [0]
            await transport.close()

    asyncio.run(main())


def test_series_of_an_instance_end_with_it_and_begin_anew_when_it_comes_back() -> None:
    async def main() -> None:
        metrics = Metrics()
        transport = open_transport("http1", metrics)
        with WireServer(json_reply(b"{}")) as wire:
            server = server_at(wire.url)
            place = (server.host, server.port)
            for _ in range(2):
                await get_from(transport, wire.url)
            metrics.retain({("server_address", "server_port"): [("other", "1")]})
            for family in metrics.families.values():
                assert not any(place == labels[:2] for labels in family.series), family.definition
            metrics.gauge(OPEN_CONNECTIONS).read_all()
            assert metrics.gauge(OPEN_CONNECTIONS).series == {}
            await get_from(transport, wire.url)  # by a later version, over the same connection
            assert metrics.counter(REUSED_CONNECTIONS).series == {place: [1]}
            assert open_now(metrics, server, "idle") == 1
            await transport.close()

    asyncio.run(main())


def test_reading_many_pools_takes_as_long_for_each_as_reading_few() -> None:
    """They are read once a second, on the loop that serves."""

    async def calls(count: int) -> int:
        """How many Python functions are called to read so many pools."""
        metrics = Metrics()
        transport = open_transport("http1", metrics)
        assert isinstance(transport, Http1Transport)
        for number in range(count):
            url = f"http://10.0.0.{number}:8080"
            transport.new_pool(transport.at(url, None).key)
        called: list[str] = []
        sys.setprofile(lambda frame, event, _: called.append(event))
        try:
            metrics.gauge(OPEN_CONNECTIONS).read_all()
            metrics.gauge(POOL_WAITING).read_all()
        finally:
            sys.setprofile(None)
        await transport.close()
        return called.count("call")

    assert asyncio.run(calls(80)) < 4.5 * asyncio.run(calls(20))

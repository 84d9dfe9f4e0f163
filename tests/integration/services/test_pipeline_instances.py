"""A service with a dead instance, over real sockets and both transports, for steps and routes."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TypeVar

import pytest

from bff.engine.answers import answer_to
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Service
from bff.upstream.passthrough.passthrough import ForwardedReply
from bff.upstream.pipeline.stack import ServiceClient
from bff.upstream.ports import Transport
from bff.upstream.transports import TransportName
from tests.support.steady_clock import steady_seconds
from tests.support.upstream import transports
from tests.support.upstream.routes import (
    CLIENT,
    STRIPPING,
    TRACE,
    answered,
    body_of,
    passthrough_of,
)
from tests.support.upstream.transports import NAMES
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import json_reply, refusing_url, unreachable_url

T = TypeVar("T")

every_transport = pytest.mark.parametrize("name", NAMES)
every_method = pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])


def with_instances(
    name: TransportName,
    instances: tuple[str, ...],
    scenario: Callable[[ServiceClient], Awaitable[T]],
) -> T:
    """Run the scenario with a client of the service `orders`."""

    async def main(transport: Transport) -> T:
        services = {"orders": Service("orders", instances, 5.0)}
        clock = asyncio.get_running_loop().time
        return await scenario(ServiceClient(transport, services, 1_000_000, clock))

    return transports.run(name, main)


def route(
    method: str = "GET", body: AsyncIterator[bytes] | bytes | None = None
) -> Callable[[ServiceClient], Awaitable[tuple[int, bytes]]]:
    """One request through a route."""

    async def scenario(services: ServiceClient) -> tuple[int, bytes]:
        passthrough = passthrough_of(STRIPPING, services)
        begin = partial(
            passthrough.begin,
            method=method,
            target="/1",
            headers=(),
            body=body,
            client=CLIENT,
            trace=TRACE,
        )
        reply = answered(passthrough, method, await answer_to(begin))
        assert isinstance(reply, ForwardedReply), reply
        return reply.status, await body_of(reply)

    return scenario


def fetches(
    count: int, method: str, seconds: float = 5.0
) -> Callable[[ServiceClient], Awaitable[list[object]]]:
    async def scenario(services: ServiceClient) -> list[object]:
        call = ServiceCall("orders", method, "/1", (), b"{}" if method == "POST" else None)
        return [await answer_to(partial(services.fetch, call, seconds)) for _ in range(count)]

    return scenario


@every_transport
@every_method
def test_calls_of_steps_go_to_the_instance_that_is_alive(name: TransportName, method: str) -> None:
    with refusing_url() as dead, WireServer(json_reply("1")) as alive:
        replies = with_instances(name, (dead, alive.url), fetches(6, method))
    assert [reply.body for reply in replies if isinstance(reply, UpstreamReply)] == [b"1"] * 6
    assert len(alive.requests) == 6


@every_transport
@every_method
def test_requests_of_routes_go_to_the_instance_that_is_alive(
    name: TransportName, method: str
) -> None:
    with refusing_url() as dead, WireServer(json_reply("1")) as alive:
        scenario = route(method, b"{}" if method == "POST" else None)
        assert with_instances(name, (dead, alive.url), scenario) == (200, b"1")
    assert [request.method for request in alive.requests] == [method]


@every_transport
def test_streamed_body_goes_whole_to_the_instance_that_is_alive(name: TransportName) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        yield b"second"

    def echo(exchange: Exchange) -> None:
        json_reply(exchange.read_body())(exchange)

    with refusing_url() as dead, WireServer(echo) as alive:
        answer = with_instances(name, (dead, alive.url), route("POST", body()))
    assert answer == (200, b"firstsecond")


@every_transport
def test_instance_that_never_answers_a_connection_costs_one_call_its_time(
    name: TransportName,
) -> None:
    async def scenario(services: ServiceClient) -> list[tuple[float, float]]:
        seconds = []
        for _ in range(6):
            began, asked_at = steady_seconds(), time.monotonic()
            reply = await answer_to(
                partial(services.fetch, ServiceCall("orders", "POST", "/"), 5.0)
            )
            assert isinstance(reply, UpstreamReply), reply
            seconds.append((steady_seconds() - began, time.monotonic() - asked_at))
        return seconds

    with unreachable_url() as dead, WireServer(json_reply("1")) as alive:
        slow, *quick = with_instances(name, (dead, alive.url), scenario)
    assert slow[1] >= 0.4  # the time to connect in, which stands in `bff.upstream.transports`
    assert max(took for took, _ in quick) < 0.4


@every_transport
@pytest.mark.parametrize("seconds", [0.3, 0.5, 0.9])
def test_call_in_a_hurry_has_time_left_for_the_instance_that_is_alive(
    name: TransportName, seconds: float
) -> None:
    with unreachable_url() as dead, WireServer(json_reply("1")) as alive:
        replies = with_instances(name, (dead, alive.url), fetches(2, "POST", seconds))
    assert [reply.body for reply in replies if isinstance(reply, UpstreamReply)] == [b"1"] * 2


@every_transport
def test_write_in_a_hurry_that_found_no_connection_was_not_sent(name: TransportName) -> None:
    with unreachable_url() as dead:
        [answer] = with_instances(name, (dead,), fetches(1, "POST", 0.2))
    assert isinstance(answer, Failed)
    assert (answer.reason, answer.was_sent) == (Reason.CONNECT_TIMEOUT, False)


@every_transport
def test_steps_and_routes_see_the_same_instances_rest(name: TransportName) -> None:
    with WireServer(json_reply("0"), listening=False) as late, WireServer(json_reply("1")) as alive:

        async def late_comes_up(services: ServiceClient) -> tuple[int, bytes]:
            await answer_to(partial(services.fetch, ServiceCall("orders", "GET", "/1"), 5.0))
            late.listen()
            await route()(services)
            return await route()(services)

        assert with_instances(name, (late.url, alive.url), late_comes_up) == (200, b"1")
    assert late.requests == []


@every_transport
def test_write_that_an_instance_may_have_received_is_not_sent_to_another(
    name: TransportName,
) -> None:
    def hang_up(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.close()

    with WireServer(hang_up) as broken, WireServer(json_reply("1")) as alive:
        [answer] = with_instances(name, (broken.url, alive.url), fetches(1, "POST"))
    assert isinstance(answer, Failed)
    assert answer.reason is Reason.DISCONNECTED
    assert answer.was_sent
    assert alive.requests == []

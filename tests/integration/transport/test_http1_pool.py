"""The gateway's own transport: who gets a connection, who waits for one, how long each lasts."""

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.http1.transport import Http1Transport
from tests.support.upstream.http1_transport import LIMITS, LOOPS, OK, fetch, run_http1
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import (
    drip,
    head,
    held,
    never,
    reply,
    unreachable_url,
)


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[..., None]:
    return partial(run_http1, request.param)


def test_connection_that_was_used_last_is_used_first(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        gates = {"/0": threading.Event(), "/1": threading.Event()}
        scripts = {path: held(gate, OK) for path, gate in gates.items()}
        with WireServer({**scripts, "/": OK}) as server:
            for order in (["/0", "/1"], ["/1", "/0"]):
                fetches = {
                    path: asyncio.create_task(fetch(transport, server.url + path)) for path in gates
                }
                for path in order:
                    gates[path].set()
                    await fetches[path]
                used = {each.path: each.connection for each in server.requests}
                await fetch(transport, server.url + "/")
                assert server.requests[-1].connection == used[order[-1]]
                for gate in gates.values():
                    gate.clear()
            assert server.accepted == 2

    run(scenario)


def test_requests_beyond_the_bound_on_connections_wait_for_their_turn(
    run: Callable[..., None],
) -> None:
    async def scenario(transport: Http1Transport) -> None:
        gate = threading.Event()
        with WireServer(held(gate, OK)) as server:
            fetches = [
                asyncio.create_task(fetch(transport, f"{server.url}/{place}")) for place in range(6)
            ]
            await asyncio.to_thread(server.wait_for_requests, 2)
            gate.set()
            assert all(isinstance(each, UpstreamReply) for each in await asyncio.gather(*fetches))
            assert server.accepted == 2
            assert sorted(each.path for each in server.requests[:2]) == ["/0", "/1"]

    run(scenario, LIMITS._replace(connections=2))


def test_wait_for_a_connection_is_a_part_of_the_timeout(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(never()) as server:
            first = asyncio.create_task(fetch(transport, server.url + "/"))
            await asyncio.to_thread(server.wait_for_requests, 1)
            outcome = await fetch(transport, server.url + "/", seconds=0.2)
            assert isinstance(outcome, Failed)
            assert (outcome.reason, outcome.was_sent) == (Reason.TIMEOUT, False)
            first.cancel()

    run(scenario, LIMITS._replace(connections=1))


def test_line_for_connections_is_bounded(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        gate = threading.Event()
        with WireServer(held(gate, OK)) as server:
            fetches = [asyncio.create_task(fetch(transport, server.url + "/")) for _ in range(2)]
            await asyncio.to_thread(server.wait_for_requests, 1)
            outcome = await fetch(transport, server.url + "/")
            assert isinstance(outcome, Failed)
            assert (outcome.reason, outcome.was_sent) == (Reason.TIMEOUT, False)
            gate.set()
            assert all(isinstance(each, UpstreamReply) for each in await asyncio.gather(*fetches))

    run(scenario, LIMITS._replace(connections=1, waiting=1))


@pytest.mark.parametrize("keeps", [True, False], ids=["connection", "place"])
def test_turn_of_somebody_who_leaves_goes_to_the_next(
    run: Callable[..., None], keeps: bool
) -> None:
    """Whether the turn is a connection that came free, or the place of one that was closed; and
    whether the leave comes before the turn or together with it."""

    async def scenario(transport: Http1Transport) -> None:
        gate = threading.Event()
        body = head(
            200,
            [("Content-Length", "0")]
            if keeps
            else [("Content-Length", "0"), ("Connection", "close")],
        )
        with WireServer(held(gate, lambda exchange: exchange.send(body))) as server:
            first = asyncio.create_task(fetch(transport, server.url + "/"))
            await asyncio.to_thread(server.wait_for_requests, 1)
            early, late, last = (
                asyncio.create_task(fetch(transport, server.url + "/")) for _ in range(3)
            )
            await asyncio.sleep(0)
            early.cancel()
            first.add_done_callback(lambda _: late.cancel())
            gate.set()
            assert isinstance(await last, UpstreamReply)
            assert early.cancelled()
            assert len(server.requests) <= 3

    run(scenario, LIMITS._replace(connections=1))


def test_whole_line_hears_that_no_connection_can_be_opened(run: Callable[..., None]) -> None:
    """They don't try one after the other, each for the time that connecting may take."""

    async def scenario(transport: Http1Transport) -> None:
        with unreachable_url() as dead:
            began = time.monotonic()
            fetches = [asyncio.create_task(fetch(transport, dead + "/")) for _ in range(20)]
            for outcome in await asyncio.gather(*fetches):
                assert isinstance(outcome, Failed)
                assert (outcome.reason, outcome.was_sent) == (Reason.CONNECT_TIMEOUT, False)
            assert time.monotonic() - began < 1.5

    run(scenario, LIMITS._replace(opening=2))


def test_connection_that_the_upstream_keeps_for_no_time_is_not_used_again(
    run: Callable[..., None],
) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(reply(headers=[("Keep-Alive", "timeout=0")])) as server:
            for _ in range(2):
                await fetch(transport, server.url + "/")
            assert server.accepted == 2

    run(scenario)


def test_connection_that_has_reached_its_age_is_not_used_again(run: Callable[..., None]) -> None:
    slow = drip(head(200, [("Content-Length", "3")]), b"old", every_seconds=0.05)

    async def scenario(transport: Http1Transport) -> None:
        with WireServer(slow) as server:
            for _ in range(2):
                assert isinstance(await fetch(transport, server.url + "/"), UpstreamReply)
            assert server.accepted == 2
            await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)

    run(scenario, LIMITS._replace(age_seconds=0.05))


def test_idle_connections_are_closed_without_another_request(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(OK) as server:
            await fetch(transport, server.url + "/")
            await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)
            assert not transport.pools  # a pool without connections is dropped

    run(scenario, LIMITS._replace(idle_seconds=0.05))


def test_closing_the_transport_ends_what_is_in_flight(run: Callable[..., None]) -> None:
    async def scenario(transport: Http1Transport) -> None:
        with WireServer(never()) as server:
            fetches = [asyncio.create_task(fetch(transport, server.url + "/")) for _ in range(2)]
            await asyncio.to_thread(server.wait_for_requests, 1)
            await transport.close()
            for outcome in await asyncio.gather(*fetches):
                assert isinstance(outcome, Failed)
                assert outcome.reason is Reason.DISCONNECTED

    run(scenario, LIMITS._replace(connections=1))

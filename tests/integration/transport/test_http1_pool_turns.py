"""Who gets a connection that is new, and who one that comes free."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable

import uvloop

from bff.engine.values.outcomes import Failed, Reason
from bff.telemetry.metrics.families import Metrics
from bff.timers import TimerWheel
from bff.upstream.http1.addresses import Address, Origin, Resolver
from bff.upstream.http1.connection import Connection
from bff.upstream.http1.opening import Opener
from bff.upstream.http1.pool import Limits, Pool
from bff.upstream.pool_counts import PoolCounts
from bff.upstream.ports import server_at
from bff.upstream.tls import TlsContexts
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import never

LIMITS = Limits(connect_seconds=5.0, idle_seconds=4.0)


class Waits:
    """Somebody in line."""

    def __init__(self, seconds: float, *, needs_new: bool) -> None:
        loop = asyncio.get_running_loop()
        self.ends_at = loop.time() + seconds
        self.needs_new = needs_new
        self.given: asyncio.Future[Connection | Failed | Exception] = loop.create_future()

    async def connection(self) -> Connection:
        given = await self.given
        assert isinstance(given, Connection), given
        return given

    def on_connection(self, connection: Connection) -> None:
        connection.exchanges += 1
        self.given.set_result(connection)

    def on_failure(self, failure: Failed | Exception) -> None:
        self.given.set_result(failure)


class World:
    """A pool whose names resolve while the gate is open."""

    def __init__(self, server: WireServer, limits: Limits) -> None:
        loop = asyncio.get_running_loop()
        self.metrics = Metrics()
        self.gate = threading.Event()
        self.gate.set()
        self.server = server
        self._resolver = Resolver(loop, self._resolve, answer_seconds=0.0)
        origin = Origin(False, "shop.test", server.port)
        self.wheel = TimerWheel(loop, 0.05)
        tls = TlsContexts(loop.time)
        opener = Opener(
            origin,
            loop,
            self.wheel,
            self._resolver,
            lambda: tls.get(None),
            None,
            limits.connect_seconds,
            limits.handshake_seconds,
        )
        self.pool = Pool(
            loop,
            opener,
            limits,
            on_empty=int,
            counts=PoolCounts(self.metrics, server_at(f"http://shop.test:{server.port}")),
        )

    def wait(self, seconds: float = 10, *, needs_new: bool = False) -> Waits:
        waits = Waits(seconds, needs_new=needs_new)
        self.pool.wait(waits)
        return waits

    async def close(self) -> None:
        self.gate.set()
        await self.pool.close()
        self._resolver.close()
        self.wheel.stop()

    def _resolve(self, host: str, port: int) -> list[Address]:
        assert self.gate.wait(10)
        return [Address(socket.AF_INET, ("127.0.0.1", self.server.port))]


def run(scenario: Callable[[World], Awaitable[None]], limits: Limits = LIMITS) -> None:
    async def main() -> None:
        with WireServer(never()) as server:
            world = World(server, limits)
            try:
                await asyncio.wait_for(scenario(world), 10)
            finally:
                await world.close()

    uvloop.run(main())


def test_connection_that_comes_free_is_not_for_a_request_that_is_repeated() -> None:
    """It may be at its end, too, and no request goes out three times."""

    async def scenario(world: World) -> None:
        used = await world.wait().connection()
        world.gate.clear()
        repeated = world.wait(needs_new=True)
        other = world.wait()
        world.pool.release(used)
        assert await other.connection() is used
        assert not repeated.given.done()
        world.gate.set()
        assert await repeated.connection() is not used

    run(scenario)


def test_new_connection_is_for_a_request_that_is_repeated_first() -> None:
    async def scenario(world: World) -> None:
        world.gate.clear()
        first = world.wait()
        repeated = world.wait(needs_new=True)
        world.gate.set()
        assert (await repeated.connection()).opened_at <= (await first.connection()).opened_at

    run(scenario, LIMITS._replace(opening=1))


def test_connection_that_comes_free_makes_room_where_only_a_new_one_will_do() -> None:
    async def scenario(world: World) -> None:
        used = await world.wait().connection()
        repeated = world.wait(needs_new=True)
        world.pool.release(used)
        assert await repeated.connection() is not used
        assert used.is_closed

    run(scenario, LIMITS._replace(connections=1))


def test_connection_whose_end_is_there_is_given_to_nobody() -> None:
    """The loop has not read the end yet."""

    async def scenario(world: World) -> None:
        used = await world.wait().connection()
        world.gate.clear()
        waits = world.wait()
        used.pause_reading()
        await asyncio.to_thread(world.server.wait_until, lambda up: up.open_connections == 1)
        world.server.end_connections()
        await asyncio.to_thread(world.server.wait_until, lambda up: up.open_connections == 0)
        assert used.has_news()
        world.pool.release(used)
        assert used.is_closed
        world.gate.set()
        assert await waits.connection() is not used

    run(scenario)


def test_request_with_little_time_to_connect_takes_it_from_no_other() -> None:
    """Its connection was opened for half of its time. Others with as little hear of it, too."""

    async def scenario(world: World) -> None:
        world.gate.clear()
        hurried, as_hurried, patient = world.wait(0.2), world.wait(0.2), world.wait()
        for waits in (hurried, as_hurried):
            failed = await waits.given
            assert isinstance(failed, Failed)
            assert (failed.reason, failed.was_sent) == (Reason.CONNECT_TIMEOUT, False)
        assert not patient.given.done()
        world.gate.set()
        await patient.connection()

    run(scenario, LIMITS._replace(opening=1))

"""Who gets a connection that is new, and who one that comes free."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable

import uvloop

from bff.engine.values.outcomes import Failed
from bff.upstream.http1.addresses import Address, Origin, Resolver
from bff.upstream.http1.connection import Connection
from bff.upstream.http1.pool import Limits, Pool
from bff.upstream.tls import TlsContexts
from tests.support.wire import WireServer
from tests.support.wire_scripts import never

LIMITS = Limits(connect_seconds=5.0, idle_seconds=4.0)


class Waits:
    """Somebody in line."""

    def __init__(self, *, needs_new: bool = False) -> None:
        loop = asyncio.get_running_loop()
        self.ends_at = loop.time() + 10
        self.needs_new = needs_new
        self.given: asyncio.Future[Connection] = loop.create_future()

    def on_connection(self, connection: Connection) -> None:
        connection.exchanges += 1
        self.given.set_result(connection)

    def on_failure(self, failure: Failed | Exception) -> None:
        raise AssertionError(failure)


class World:
    """A pool whose names resolve while the gate is open."""

    def __init__(self, server: WireServer, limits: Limits) -> None:
        loop = asyncio.get_running_loop()
        self.gate = threading.Event()
        self.gate.set()
        self.server = server
        self._resolver = Resolver(loop, self._resolve, answer_seconds=0.0)
        origin = Origin(False, "shop.test", server.port)
        tls = TlsContexts(loop.time)
        self.pool = Pool(
            origin, loop, self._resolver, lambda: tls.get(None), None, limits, on_empty=int
        )

    def wait(self, *, needs_new: bool = False) -> Waits:
        waits = Waits(needs_new=needs_new)
        self.pool.wait(waits)
        return waits

    async def close(self) -> None:
        self.gate.set()
        await self.pool.close()
        self._resolver.close()

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
        used = await world.wait().given
        world.gate.clear()
        repeated = world.wait(needs_new=True)
        other = world.wait()
        world.pool.release(used)
        assert await other.given is used
        assert not repeated.given.done()
        world.gate.set()
        assert await repeated.given is not used

    run(scenario)


def test_new_connection_is_for_a_request_that_is_repeated_first() -> None:
    async def scenario(world: World) -> None:
        world.gate.clear()
        first = world.wait()
        repeated = world.wait(needs_new=True)
        world.gate.set()
        assert (await repeated.given).opened_at <= (await first.given).opened_at

    run(scenario, LIMITS._replace(opening=1))


def test_connection_that_comes_free_makes_room_where_only_a_new_one_will_do() -> None:
    async def scenario(world: World) -> None:
        used = await world.wait().given
        repeated = world.wait(needs_new=True)
        world.pool.release(used)
        assert await repeated.given is not used
        assert used.is_closed

    run(scenario, LIMITS._replace(connections=1))


def test_connection_whose_end_is_there_is_given_to_nobody() -> None:
    """The loop has not read the end yet."""

    async def scenario(world: World) -> None:
        used = await world.wait().given
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
        assert await waits.given is not used

    run(scenario)

"""The way to an origin: names and addresses."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
import uvloop

from bff.engine.ports import UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.http1.addresses import MAX_NAMES, Address, Origin, Resolver, connect_first
from bff.upstream.http1.pool import Limits, expires_at
from bff.upstream.http1.transport import Http1Transport
from tests.support.steady_clock import steady_seconds
from tests.support.upstream.transports import fetched, get
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import refusing_url, reply, unreachable_url

LIMITS = Limits(connect_seconds=0.5, idle_seconds=4.0)

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on each kind of loop."""
    found: Run = request.param
    return found


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://orders", Origin(False, "orders", 80)),
        ("https://orders", Origin(True, "orders", 443)),
        ("http://orders_1.internal:8080", Origin(False, "orders_1.internal", 8080)),
        ("https://[::1]:8443", Origin(True, "::1", 8443)),
        ("ftp://orders", None),
        ("http://user@orders", None),
        ("http://orders:0", None),
        ("http://orders:65536", None),
        ("http://orders:x", None),
        ("http://", None),
        ("http://orders?x", None),
    ],
)
def test_origin_of_a_url(text: str, origin: Origin | None) -> None:
    assert Origin.of(text) == origin


@pytest.mark.parametrize(
    ("opened_at", "stated_seconds", "expected"),
    [(100.0, None, 104.0), (100.0, 2.0, 101.6), (100.0, 60.0, 104.0), (-198.0, None, 102.0)],
    ids=["by default", "below the upstream's", "the upstream's is longer", "old"],
)
def test_time_until_which_an_idle_connection_is_used(
    opened_at: float, stated_seconds: float | None, expected: float
) -> None:
    assert expires_at(100.0, opened_at, stated_seconds, LIMITS) == expected


# ---------------------------------------------------------------------------- names


class Names:
    """A resolver whose answers a test sets; it counts the look-ups."""

    def __init__(self) -> None:
        self.answer: list[Address] | OSError = [Address(socket.AF_INET, ("127.0.0.1", 80))]
        self.lookups = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.lookups += 1
        self.gate.wait(10)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


def test_name_is_looked_up_once_for_all_and_its_answer_is_kept(run: Run) -> None:
    async def main() -> None:
        names = Names()
        resolver = Resolver(asyncio.get_running_loop(), names)
        found = await asyncio.gather(*(resolver.addresses("orders", 80, 5) for _ in range(20)))
        assert found == [names.answer] * 20
        assert await resolver.addresses("orders", 80, 5) == names.answer
        assert names.lookups == 1
        await resolver.addresses("users", 80, 5)
        assert names.lookups == 2
        resolver.close()

    run(main())


def test_last_good_answer_holds_where_no_new_one_comes(run: Run) -> None:
    async def main() -> None:
        names = Names()
        good = names.answer
        resolver = Resolver(asyncio.get_running_loop(), names, answer_seconds=0)
        await resolver.addresses("orders", 80, 5)
        names.answer = socket.gaierror(socket.EAI_AGAIN, "try again")
        assert await resolver.addresses("orders", 80, 5) == good
        names.gate.clear()
        assert await resolver.addresses("orders", 80, 0.05) == good
        names.gate.set()
        assert names.lookups == 3
        resolver.close()

    run(main())


def test_answers_are_bounded_and_the_oldest_one_goes(run: Run) -> None:
    async def main() -> None:
        names = Names()
        resolver = Resolver(asyncio.get_running_loop(), names)
        for number in range(MAX_NAMES + 1):
            await resolver.addresses(f"orders{number}", 80, 5)
        lookups = names.lookups
        await resolver.addresses("orders1", 80, 5)
        assert names.lookups == lookups
        await resolver.addresses("orders0", 80, 5)
        assert names.lookups == lookups + 1
        resolver.close()

    run(main())


def test_name_without_an_answer_raises_what_the_resolver_raised_or_the_time_is_over(
    run: Run,
) -> None:
    async def main() -> None:
        names = Names()
        names.answer = socket.gaierror(socket.EAI_NONAME, "unknown")
        resolver = Resolver(asyncio.get_running_loop(), names)
        with pytest.raises(socket.gaierror):
            await resolver.addresses("orders", 80, 5)
        names.gate.clear()
        with pytest.raises(TimeoutError):
            await resolver.addresses("orders", 80, 0.05)
        names.gate.set()
        resolver.close()

    run(main())


def test_address_is_not_looked_up(run: Run) -> None:
    async def main() -> None:
        names = Names()
        resolver = Resolver(asyncio.get_running_loop(), names)
        assert await resolver.addresses("::1", 80, 5) == [
            Address(socket.AF_INET6, ("::1", 80, 0, 0))
        ]
        assert await resolver.addresses("127.0.0.1", 80, 5) == [
            Address(socket.AF_INET, ("127.0.0.1", 80))
        ]
        assert names.lookups == 0
        resolver.close()

    run(main())


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_name_that_no_resolver_takes_is_unresolved(run: Run, host: str) -> None:
    async def main() -> None:
        transport = Http1Transport(LIMITS)
        outcome = await fetched(transport, get(f"http://{host}/"), timeout_seconds=5, byte_cap=9)
        await transport.close()
        assert isinstance(outcome, Failed)
        assert (outcome.reason, outcome.was_sent) == (Reason.UNRESOLVED, False)

    run(main())


# ---------------------------------------------------------------------------- addresses


def address_of(url: str) -> Address:
    return Address(socket.AF_INET, ("127.0.0.1", int(url.rpartition(":")[2])))


def test_next_address_is_tried_at_once_where_one_refuses(run: Run) -> None:
    async def main() -> None:
        with refusing_url() as dead, WireServer(reply()) as server:
            began = steady_seconds()
            connected = await connect_first(
                asyncio.get_running_loop(), [address_of(dead), address_of(server.url)]
            )
            assert connected.getpeername()[1] == server.port
            assert steady_seconds() - began < 0.25
            connected.close()

    run(main())


def test_next_address_is_tried_after_a_pause_where_one_hangs(run: Run) -> None:
    async def main() -> None:
        with unreachable_url() as dead, WireServer(reply()) as server:
            began = time.monotonic()
            connected = await connect_first(
                asyncio.get_running_loop(), [address_of(dead), address_of(server.url)]
            )
            assert connected.getpeername()[1] == server.port
            assert 0.29 < time.monotonic() - began < 3
            connected.close()

    run(main())


def test_addresses_that_all_refuse_are_a_refusal(run: Run) -> None:
    async def main() -> None:
        with refusing_url() as dead, pytest.raises(ConnectionRefusedError):
            await connect_first(asyncio.get_running_loop(), [address_of(dead)] * 3)
        with pytest.raises(OSError, match="no address"):
            await connect_first(asyncio.get_running_loop(), [])

    run(main())


def test_connection_that_came_while_the_loop_was_held_came_in_time(run: Run) -> None:
    async def main() -> None:
        with WireServer(reply()) as server:
            transport = Http1Transport(LIMITS._replace(connect_seconds=0.1))
            request = get(server.url + "/")
            fetches = [
                asyncio.create_task(fetched(transport, request, timeout_seconds=5, byte_cap=9))
                for _ in range(100)
            ]
            await asyncio.sleep(0)
            time.sleep(0.3)  # noqa: ASYNC251 - holds the loop
            assert all(isinstance(each, UpstreamReply) for each in await asyncio.gather(*fetches))
            await transport.close()

    run(main())


# ---------------------------------------------------------------------------- TLS

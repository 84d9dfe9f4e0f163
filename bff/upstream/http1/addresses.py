"""The way to an origin: its name, its addresses, a connected socket.

Rules:
1. Names are resolved on own threads, so that a resolver that hangs holds nobody else's work: the
   loop's executor would be shared with everything (cpython #112169).
2. An answer holds for `ANSWER_SECONDS`. Where no new one comes, the last good one holds on.
3. There is one look-up of a name at a time; everybody waits for the same one.
4. The addresses are tried in the resolver's order, each `NEXT_ADDRESS_SECONDS` after the one before
   or as soon as that has failed; the first connection wins (RFC 8305).
"""

import asyncio
import ipaddress
import re
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, NamedTuple

ANSWER_SECONDS: Final = 30.0
NEXT_ADDRESS_SECONDS: Final = 0.3
RESOLVER_THREADS: Final = 4
MAX_NAMES: Final = 1_000

# After a hold, the loop has some turns to begin an attempt, to see its socket and to end it.
_LOOKS_AFTER_A_HOLD: Final = 8
_LOOK_SECONDS: Final = 0.005

_ORIGIN: Final = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^\[\]/?#@:]+)(?::(\d{1,5}))?")


class Origin(NamedTuple):
    """Where connections go to."""

    is_tls: bool
    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> "Origin | None":
        """The origin of `https://orders.internal:8443`; None for anything else."""
        found = _ORIGIN.fullmatch(text)
        if found is None:
            return None
        scheme, host, digits = found.groups()
        port = int(digits) if digits else {"http": 80, "https": 443}[scheme]
        if not 0 < port < 65_536:
            return None
        return cls(scheme == "https", host.strip("[]"), port)


class Address(NamedTuple):
    """An address as `socket.getaddrinfo` gives it."""

    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]


Resolve = Callable[[str, int], Sequence[Address]]


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a name, by the system's resolver. Blocks; raises `OSError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty, or longer than 63 characters
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from error
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in found]  # type: ignore[arg-type]


class _Answer(NamedTuple):
    addresses: Sequence[Address]
    holds_until: float


class Resolver:
    """Addresses of names, with the cache of rule 2. For one event loop; `resolve` runs on own
    threads."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        resolve: Resolve = resolve,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._loop = loop
        self._answer_seconds = answer_seconds
        self._resolve = resolve
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="bff-resolver")
        self._answers: dict[tuple[str, int], _Answer] = {}
        self._lookups: dict[tuple[str, int], asyncio.Task[Sequence[Address]]] = {}

    async def addresses(self, host: str, port: int, seconds: float) -> Sequence[Address]:
        """The addresses of a name or an address, within so many seconds. Raises `OSError`, and
        `TimeoutError` where neither an answer nor an earlier one is there in time."""
        if (literal := _literal(host, port)) is not None:
            return [literal]
        name = (host, port)
        answer = self._answers.get(name)
        if answer is not None and self._loop.time() < answer.holds_until:
            return answer.addresses
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = self._loop.create_task(self._look_up(name))
            lookup.add_done_callback(lambda task: self._end_lookup(name, task))
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(lookup)
        except OSError:  # TimeoutError among them
            if answer is None:
                raise
            return answer.addresses

    def close(self) -> None:
        """End the look-ups; a thread ends with the one that it is at."""
        for lookup in self._lookups.values():
            lookup.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, name: tuple[str, int]) -> Sequence[Address]:
        addresses = await self._loop.run_in_executor(self._threads, self._resolve, *name)
        self._answers.pop(name, None)
        if len(self._answers) >= MAX_NAMES:
            self._answers.pop(next(iter(self._answers)))  # the oldest answer
        self._answers[name] = _Answer(addresses, self._loop.time() + self._answer_seconds)
        return addresses

    def _end_lookup(self, name: tuple[str, int], lookup: "asyncio.Task[Sequence[Address]]") -> None:
        del self._lookups[name]
        if not lookup.cancelled():
            lookup.exception()  # those who wait raise it; nobody may be waiting


class Bound:
    """`asyncio.timeout` for what waits for a socket, on a loop that may be held meanwhile.

    It runs out only after the loop has looked at its sockets, so that a connection that is there
    has come in time; and never before its time, as timers of uvloop do that are made after a hold.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._began_at = time.monotonic()
        self._looks = 0
        self._timeout = asyncio.timeout(None)
        self._timer = loop.call_later(seconds, self._expire)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _expire(self) -> None:
        left = self._seconds - (time.monotonic() - self._began_at)
        if left > 0:
            self._timer = self._loop.call_later(left, self._expire)
        elif self._looks < _LOOKS_AFTER_A_HOLD:
            self._looks += 1
            self._timer = self._loop.call_later(_LOOK_SECONDS, self._expire)
        else:
            self._timeout.reschedule(self._loop.time())


async def connect_first(
    loop: asyncio.AbstractEventLoop, addresses: Sequence[Address]
) -> socket.socket:
    """A socket that is connected to one of the addresses (rule 4). Raises the last `OSError`."""
    waiting = list(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    error: BaseException = OSError("the name has no address")
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_connect(loop, waiting.pop(0))))
            pause = NEXT_ADDRESS_SECONDS if waiting else None
            done, running = await asyncio.wait(
                running, timeout=pause, return_when=asyncio.FIRST_COMPLETED
            )
            connected = [attempt for attempt in done if attempt.exception() is None]
            if connected:
                running.update(connected[1:])  # they came too late
                return connected[0].result()
            for attempt in done:
                error = attempt.exception() or error
    finally:
        await _abandon(running)
    raise error


async def _connect(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    made = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        await loop.sock_connect(made, address.sockaddr)
    except BaseException:
        made.close()
        raise
    return made


async def _abandon(attempts: "set[asyncio.Task[socket.socket]]") -> None:
    """Cancel what goes on, and close what came about."""
    if not attempts:
        return
    for attempt in attempts:
        attempt.cancel()
    await asyncio.wait(attempts)
    for attempt in attempts:
        if not attempt.cancelled() and attempt.exception() is None:
            attempt.result().close()


def _literal(host: str, port: int) -> Address | None:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    if version == 4:
        return Address(socket.AF_INET, (host, port))
    return Address(socket.AF_INET6, (host, port, 0, 0))

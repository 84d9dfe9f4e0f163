"""The access matrix: who may ask for what, by what is written here and by no code of the gateway's.

A cell is a caller, an endpoint, a method, and what memory holds when the request comes. `expected`
is the oracle: the status, and whose payload it is. `check` asks a door, which stands for a host,
and compares: the status, the owner in the payload, whom the service was asked for, and that nobody
who is refused costs the service a call or finds an owner's name in the reply.

Rules of the oracle:
1. Health and the app's own views answer everybody; the operators' endpoint answers no caller here.
2. A path that is not there for a method is 405 for everybody; a plain OPTIONS is for those who may
   ask for what is at the path.
3. What is public answers everybody, whatever credentials come along.
4. What states nothing is denied to everybody.
5. Else a credential that is bad is refused as such; without one, or with what is none (a cookie
   without its header is 403), nobody is known: 401. A caller without the role, or who asks for what
   is another's, is 403.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from tests.support.gateway.doors import Ask
from tests.support.gateway.hosts import Answer, Header
from tests.support.gateway.websockets import HANDSHAKE
from tests.support.upstream.owner_service import OwnerService

METHODS = ("GET", "HEAD", "POST", "QUERY", "OPTIONS")
STATES = ("cold", "cached", "stale", "coalesced")
TTL_SECONDS = 5.0

Kind = Literal["public", "authenticated", "role", "own", "denied", "app", "operator"]
State = Literal["cold", "cached", "stale", "coalesced"]


class Caller(NamedTuple):
    """Who asks. `sub` is who that is, where the credential is right; `refusal` is the status that a
    wrong one earns. A `bare_cookie` is a session's without its header: a WebSocket needs none."""

    name: str
    headers: tuple[Header, ...] = ()
    sub: str | None = None
    roles: frozenset[str] = frozenset()
    refusal: int | None = None
    bare_cookie: bool = False


class Endpoint(NamedTuple):
    """What is asked for. `target` has {n} for a number and {sub} for a name. `owned`: its payload
    is of whoever asks. `keeps`: its payload is cached."""

    name: str
    target: str
    kind: Kind
    methods: frozenset[str] = frozenset({"GET", "HEAD"})
    owned: bool = True
    keeps: bool = False
    by_route: bool = False
    switches: bool = False


class Cell(NamedTuple):
    caller: Caller
    endpoint: Endpoint
    method: str
    state: State

    def __str__(self) -> str:
        return f"{self.caller.name}, {self.method} {self.endpoint.name}, {self.state}"


ANY_METHOD = frozenset(METHODS)
READS = frozenset({"GET", "HEAD"})
ENDPOINTS = (
    Endpoint("composition", "/owner/{n}", "authenticated", READS | {"POST", "QUERY"}, keeps=True),
    Endpoint(
        "view", "/owner/{n}?view=brief", "authenticated", READS | {"POST", "QUERY"}, keeps=True
    ),
    Endpoint(
        "fields",
        "/owner/{n}?fields=owner.sub",
        "authenticated",
        READS | {"POST", "QUERY"},
        keeps=True,
    ),
    Endpoint("by its service", "/told/{n}", "authenticated", keeps=True),
    Endpoint("of a role", "/support/{n}", "role", keeps=True),
    Endpoint("one's own", "/people/{sub}/{n}", "own", keeps=True),
    Endpoint("public", "/open/{n}", "public", owned=False, keeps=True),
    Endpoint("not stated", "/unstated/{n}", "denied"),
    Endpoint("route", "/raw/{n}", "authenticated", ANY_METHOD, by_route=True),
    Endpoint("route not stated", "/unstated-raw/{n}", "denied", ANY_METHOD, by_route=True),
    Endpoint("websocket", "/live/{n}", "authenticated", ANY_METHOD, by_route=True, switches=True),
    Endpoint("purge", "/admin/purge", "operator", frozenset({"POST"}), owned=False),
    Endpoint("health", "/healthz", "app", READS, owned=False),
    Endpoint("Flask view", "/hello", "app", READS, owned=False),
)


def expected(cell: Cell, *, has_websockets: bool) -> tuple[int, str | None]:
    """The status, and whose payload it is; None where it names nobody."""
    caller, endpoint, method, _ = cell
    if endpoint.kind in ("app", "operator"):
        if method == "OPTIONS":
            return 200, None
        if method not in endpoint.methods:
            return 405, None
        return (200 if endpoint.kind == "app" else 401), None
    if method not in endpoint.methods and method != "OPTIONS":
        return 405, None
    if (refusal := _refusal(caller, endpoint, method)) is not None:
        return refusal, None
    if method == "OPTIONS" and not endpoint.by_route:
        return 204, None
    if endpoint.switches and method == "GET":
        return (101, caller.sub) if has_websockets else (501, None)
    owner = caller.sub if endpoint.owned else "everybody"
    return 200, None if method == "HEAD" else owner


def _refusal(caller: Caller, endpoint: Endpoint, method: str) -> int | None:
    if endpoint.kind == "public":
        return None
    if endpoint.kind == "denied":
        return 401
    if caller.refusal is not None:
        return caller.refusal
    if caller.bare_cookie and not (endpoint.switches and method == "GET"):
        return 403
    if caller.sub is None:
        return 401
    if endpoint.kind == "role" and "support" not in caller.roles:
        return 403
    return 403 if endpoint.kind == "own" and caller.sub != OWNER else None


OWNER = "ann-4be1"  # whose things the endpoint of one's own is asked for
NAMES = (OWNER, "bo-9c77", "sam-02df", "key-5a3e", "may-6c18", "eve-e1f0")


class Matrix:
    """Asks one host, through its door. `advance` turns the clock of its gateway."""

    def __init__(
        self,
        ask: Ask,
        service: OwnerService,
        callers: tuple[Caller, ...],
        advance: Callable[[float], None],
        *,
        has_websockets: bool,
    ) -> None:
        self._ask = ask
        self._service = service
        self._advance = advance
        self._has_websockets = has_websockets
        self._welcome = tuple(each for each in callers if each.sub is not None)
        self._number = 0
        self._asked = 0
        self._kept: dict[tuple[str, str, State], str] = {}
        self.seen: set[State] = set()  # what memory held, by what replies said

    async def differences(self, cells: Iterable[Cell]) -> list[str]:
        """Where a reply is not what the oracle says."""
        found = []
        for cell in cells:
            try:
                await self._check(cell)
            except AssertionError as error:
                found.append(str(error).partition("\n")[0])
        return found

    async def _check(self, cell: Cell) -> None:
        number = await self._prepared(cell)
        calls = self._calls(number)
        if cell.state == "coalesced" and cell.endpoint.keeps and cell.method in READS:
            answer, calls = await self._beside_another(cell, number)
        else:
            answer = await self._send(cell.caller, cell.endpoint, cell.method, number)
        self._compare(cell, number, answer, self._calls(number) - calls)
        if cell.endpoint.keeps and (how := _how(answer)) is not None:
            self.seen.add(how)
            if how == "stale":  # it is made anew in the background, and not during the next cell
                await self._service.wait_for_calls(number, calls + 1)

    async def _prepared(self, cell: Cell) -> str:
        """A number of its own, or one at which memory holds payloads of each caller who has one."""
        _, endpoint, method, state = cell
        if not endpoint.keeps or state in ("cold", "coalesced"):
            return self._next()
        key = (endpoint.target.partition("?")[0], method, state)
        if key not in self._kept:
            self._kept[key] = self._next()
            for each in self._welcome:
                await self._send(each, endpoint, method, self._kept[key])
        if state == "stale":
            self._advance(TTL_SECONDS + 1)
        return self._kept[key]

    async def _beside_another(self, cell: Cell, number: str) -> tuple[Answer, int]:
        """Ask while a call for the owner's payload is under way."""
        leader = next(
            each for each in self._welcome if _refusal(each, cell.endpoint, "GET") is None
        )
        self._service.hold()
        try:
            first = asyncio.create_task(self._send(leader, cell.endpoint, "GET", number))
            await self._service.wait_for_calls(number, 1)
            second = asyncio.create_task(
                self._send(cell.caller, cell.endpoint, cell.method, number)
            )
            for _ in range(50):
                await asyncio.sleep(0)
        finally:
            self._service.release()
        return (await asyncio.gather(second, first))[0], 1

    async def _send(self, caller: Caller, endpoint: Endpoint, method: str, number: str) -> Answer:
        headers = list(caller.headers)
        if endpoint.switches and method == "GET":
            headers += [(name, HANDSHAKE[name]) for name in HANDSHAKE if name != "Host"]
        if method in ("POST", "QUERY"):
            headers.append(("Content-Type", "application/json"))
        # From an address of its own: failed credentials are counted by address.
        self._asked += 1
        high, low = divmod(self._asked, 250)
        address = f"127.{high // 250 + 1}.{high % 250}.{low + 1}"
        target = endpoint.target.format(n=number, sub=OWNER)
        return await self._ask(method, target, headers, address)

    def _compare(self, cell: Cell, number: str, answer: Answer, calls: int) -> None:
        status, owner = expected(cell, has_websockets=self._has_websockets)
        assert answer.status == status, f"{cell}: {answer}"
        text = answer.body.decode("latin-1") + str(answer.headers)
        others = [name for name in NAMES if name in text and name != owner]
        assert not others, f"{cell}: it names {others}: {answer}"
        if status == 101:
            assert self._service.told(number) == [owner], str(cell)
        elif owner is not None:
            found = json.loads(answer.body)
            found = found if cell.endpoint.by_route else found["owner"]
            assert found["sub"] == owner, f"{cell}: {answer}"
        if status >= 400:
            assert calls == 0, f"{cell}: it cost the service {calls} calls"
        if status == 401:
            assert answer.header("www-authenticate"), f"{cell}: {answer}"
        if status < 400 and cell.endpoint.by_route:
            assert self._service.told(number)[-1] == cell.caller.sub, str(cell)

    def _calls(self, number: str) -> int:
        return len(self._service.calls[number])

    def _next(self) -> str:
        self._number += 1
        return str(self._number)


def _how(answer: Answer) -> State | None:
    """What memory held, by what the reply says."""
    cache_status = answer.header("cache-status")
    if cache_status is None:
        return None
    if "; hit" in cache_status:
        return "stale" if "ttl=-" in cache_status else "cached"
    return "coalesced" if "collapsed" in cache_status else "cold"

"""The one path from a request to its reply, over a scripted transport."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bff.cache.cache import Cache
from bff.deadline import Deadline
from bff.engine.answers import Handle, OnAnswer, TaskCall
from bff.engine.engine import Engine
from bff.engine.heavy_work import HeavyWork
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed
from bff.identity.ports import Anonymous
from bff.plan.compiler.project import compile_project
from bff.plan.model.service import Link
from bff.upstream.passthrough.headers import RouteHeaders
from bff.upstream.passthrough.passthrough import Passthrough
from bff.web.compositions.handler import CompositionHandler
from bff.web.http.cors import CrossOrigin
from bff.web.http.logs import Log
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.access import AccessControl
from bff.web.serving.dispatch import Dispatcher
from bff.web.serving.pending import Pending, PendingCall
from bff.web.serving.routes import RouteHandler
from bff.web.serving.routing import RoutingTable
from tests.support.engine_runs import service_client
from tests.support.log_streams import Recorder
from tests.support.projects import HOME, write_project

HOST = (b"host", b"here")
ANN = UpstreamReply(200, (), b'{"id": 1, "first_name": "Ann"}')

Script = Callable[[ServiceCall], UpstreamReply | Failed]


class ScriptedTransport:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.calls = 0

    def at(self, base: str, link: Link | None) -> "ScriptedTransport":
        return self

    def fetch(self, call: ServiceCall, on_answer: OnAnswer[UpstreamReply], **_: float) -> Handle:
        async def answer() -> UpstreamReply | Failed:
            return self.script(call)

        self.calls += 1
        return TaskCall(answer(), on_answer)

    def open(self, call: ServiceCall, on_answer: Any, *, timeout_seconds: float) -> Handle:
        raise ZeroDivisionError("secret-of-the-house")

    async def close(self) -> None:
        pass


class Gateway:
    """A dispatcher over a small project, with its log and a clock that the test turns. Made on
    the loop that works with it."""

    def __init__(self, folder: Path, script: Script = lambda _: ANN) -> None:
        compositions = {
            "home": HOME,
            "cached": HOME.replace("/home/", "/cached/") + "cache: {ttl: 30s, stale: 0s}\n",
            "tagged": """
                endpoint: GET /tagged
                params:
                  x-tenant: {in: header, type: string}
                steps:
                  user:
                    call: shop.get_user
                    with: {id: 1}
                    when: ${params."x-tenant" == 'a'}
                cache: {ttl: 30s}
                """,
        }
        compositions["buy"] = """
            endpoint: POST /buy
            steps:
              order: {call: shop.create_order, with: {user_id: 1}}
            """
        compositions["bulk"] = """
            endpoint: POST /bulk
            deadline: 100ms
            params: {ids: {in: body, type: array, items: {type: integer}}}
            steps:
              order: {call: shop.create_order, with: {user_id: 1}}
            """
        routes = "routes: {/raw: {service: shop}, /told: {service: shop, purges: [a]}}"
        project = compile_project(write_project(folder, compositions, gateway=routes))
        self.now = 1_000_000.0
        self.transport = ScriptedTransport(script)
        heavy_work = self.heavy_work = HeavyWork()
        loop = asyncio.get_running_loop()
        services = service_client(self.transport, project.services)
        engine = Engine(services, heavy_work)
        self._stream = Recorder()
        self._log = Log("info", self._stream)
        cache = Cache(lambda **_: None, clock=self.clock, dice=lambda: 0.0)
        cross_origin = CrossOrigin(project)
        self.dispatcher = Dispatcher(
            project,
            RoutingTable(project.compositions, project.routes),
            {
                each.name: CompositionHandler(
                    each, engine, heavy_work, cache, loop, body_bytes=1_048_576, clock=self.clock
                )
                for each in project.compositions
            },
            {
                each.prefix: RouteHandler(
                    each, Passthrough(each, services, RouteHeaders(each, ())), cross_origin, cache
                )
                for each in project.routes
            },
            {},
            cross_origin,
            AccessControl(Anonymous()),
            self._log,
        )

    def clock(self) -> float:
        return self.now

    async def get(self, target: str, *headers: tuple[bytes, bytes]) -> Reply:
        path, _, query = target.partition("?")
        return await self.answer(GatewayRequest("GET", path, query, [HOST, *headers]))

    async def post(self, path: str, body: bytes) -> Reply:
        async def chunks() -> AsyncIterator[bytes]:
            yield body

        headers = [HOST, (b"content-type", b"application/json")]
        return await self.answer(GatewayRequest("POST", path, "", headers, body=chunks()))

    async def answer(self, request: GatewayRequest) -> Reply:
        begun = self.dispatcher.begin(request)
        assert begun is not None
        return await begun.reply() if isinstance(begun, Pending) else begun

    def lines(self) -> list[dict[str, Any]]:
        self._log.flush()
        return self._stream.lines()


def header(reply: Reply, name: bytes) -> bytes | None:
    return dict(reply.all_headers).get(name)


def at_work(
    folder: Path, test: Callable[[Gateway], Awaitable[None]], script: Script = lambda _: ANN
) -> None:
    """Run the test with a gateway, on the loop that the gateway was made on."""

    async def main() -> None:
        await test(Gateway(folder, script))

    asyncio.run(main())


@pytest.mark.parametrize("target", ["/home/1", "/cached/1", "/raw/x"])
def test_bug_is_a_problem_for_the_client_and_a_traceback_in_the_log(
    tmp_path: Path, target: str
) -> None:
    def bug(_: ServiceCall) -> UpstreamReply:
        raise ZeroDivisionError("secret-of-the-house")

    async def test(gateway: Gateway) -> None:
        reply = await gateway.get(target, (b"x-request-id", b"the-bug"))
        assert isinstance(reply.body, bytes)
        document = json.loads(reply.body)
        assert (reply.status, document["reason"], document["request_id"]) == (500, "bug", "the-bug")
        assert b"secret" not in reply.body
        assert b"Traceback" not in reply.body
        (line,) = gateway.lines()
        assert (line["event"], line["level"], line["request_id"]) == ("bug", "error", "the-bug")
        assert "ZeroDivisionError: secret-of-the-house" in line["exception"]

    at_work(tmp_path, test, bug)


def test_bug_in_a_route_is_a_problem_for_a_host_of_callbacks_too(tmp_path: Path) -> None:
    """Whether it is met when the call begins, or when it answers."""

    async def test(gateway: Gateway) -> None:
        for what in ("begin", "answer"):
            request = GatewayRequest("GET", "/raw/x", "", [HOST])
            pending = gateway.dispatcher.begin(request)
            assert isinstance(pending, PendingCall)
            if what == "begin":
                request.headers = None  # type: ignore[assignment]
            answered = asyncio.get_running_loop().create_future()
            pending.begin(answered.set_result)
            reply = await answered
            assert isinstance(reply, Reply)
            assert reply.status == 500
        assert [line["event"] for line in gateway.lines()] == ["bug", "bug"]

    def bug(_: ServiceCall) -> UpstreamReply:
        raise ZeroDivisionError

    at_work(tmp_path, test, bug)


def test_bug_in_one_request_leaves_the_next_one_alone(tmp_path: Path) -> None:
    answers: list[Any] = [None, ANN]

    def script(_: ServiceCall) -> UpstreamReply:
        answer: UpstreamReply = answers.pop(0)
        return answer

    async def test(gateway: Gateway) -> None:
        first, second = await gateway.get("/cached/1"), await gateway.get("/cached/1")
        assert (first.status, second.status) == (500, 200)
        assert header(second, b"cache-status") == b"bff; fwd=miss; stored; ttl=30"

    at_work(tmp_path, test, script)


def test_hit_counts_down_and_ends_with_the_ttl(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        heard = []
        for seconds_later in (0.0, 0.0, 10.5, 19.4, 0.1):
            gateway.now += seconds_later
            heard.append(header(await gateway.get("/cached/1"), b"cache-status"))
        assert heard == [
            b"bff; fwd=miss; stored; ttl=30",
            b"bff; hit; ttl=30",
            b"bff; hit; ttl=20",
            b"bff; hit; ttl=1",
            b"bff; fwd=miss; stored; ttl=30",
        ]
        assert gateway.transport.calls == 2

    at_work(tmp_path, test)


def test_two_who_ask_at_once_share_one_run(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        first, second = await asyncio.gather(gateway.get("/cached/1"), gateway.get("/cached/1"))
        assert gateway.transport.calls == 1
        assert first.body == second.body
        assert header(first, b"cache-status") == b"bff; fwd=miss; stored; ttl=30"
        assert header(second, b"cache-status") == b"bff; fwd=miss; collapsed; stored; ttl=30"

    at_work(tmp_path, test)


def test_lines_that_were_asked_do_not_pile_up(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        for number in range(5000):
            assert (await gateway.get(f"/cached/1?n={number}")).status == 200
        assert 0 < len(gateway.dispatcher._lines) <= 4096

    at_work(tmp_path, test)


def test_hits_differ_where_a_header_param_does(tmp_path: Path) -> None:
    """What a target came to is remembered only where the target says everything."""

    async def test(gateway: Gateway) -> None:
        bodies = [
            (await gateway.get("/tagged", (b"x-tenant", tenant))).body
            for tenant in (b"a", b"b", b"a", b"b")
        ]
        assert bodies[0] == bodies[2] != bodies[1] == bodies[3] == b'{"user":null}'

    at_work(tmp_path, test)


def test_finishing_a_reply_leaves_the_cached_headers_alone(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        for _ in range(3):
            reply = await gateway.get("/cached/1", (b"x-request-id", b"id"))
            ids = [value for name, value in reply.all_headers if name == b"x-request-id"]
            assert ids == [b"id"]

    at_work(tmp_path, test)


def test_only_what_reads_may_be_abandoned(tmp_path: Path) -> None:
    async def test(gateway: Gateway) -> None:
        dispatcher = gateway.dispatcher
        for method, target, may_be in (
            ("GET", "/home/1", True),
            ("GET", "/cached/1", True),
            ("POST", "/raw/x", True),
            ("POST", "/told/x", False),  # what it makes out of date is purged when it is through
            ("GET", "/told/x", True),
            ("POST", "/buy", False),
        ):
            begun = dispatcher.begin(GatewayRequest(method, target, "", [HOST]))
            assert isinstance(begun, Pending)
            assert begun.may_be_abandoned is may_be

    at_work(tmp_path, test)


def test_heavy_params_that_wait_for_the_thread_until_the_deadline_are_504(tmp_path: Path) -> None:
    """The thread is at another request's work all the while."""

    async def test(gateway: Gateway) -> None:
        began, gate = threading.Event(), threading.Event()

        def block() -> None:
            began.set()
            assert gate.wait(10)

        share = gateway.heavy_work.share(Deadline.after(10.0, asyncio.get_running_loop().time))
        blocking = asyncio.create_task(share.run(block))
        await asyncio.to_thread(began.wait, 10)
        try:
            reply = await gateway.post("/bulk", json.dumps({"ids": [1] * 50_000}).encode())
        finally:
            gate.set()
            await blocking
            gateway.heavy_work.close()
        assert isinstance(reply.body, bytes)
        assert (reply.status, json.loads(reply.body)["reason"]) == (504, "deadline")
        assert gateway.transport.calls == 0

    at_work(tmp_path, test)

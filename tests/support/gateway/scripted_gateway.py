"""A gateway in memory: its dispatcher, over a transport that a test scripts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from bff.cache.cache import Cache
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
from bff.web.http.cors import CrossOrigins
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.log import Log
from bff.web.serving.access import AccessControl
from bff.web.serving.dispatch import Dispatcher
from bff.web.serving.pending import Pending
from bff.web.serving.routes import RouteHandler
from bff.web.serving.routing import RoutingTable
from bff.web.telemetry.telemetry import Telemetry
from tests.support.plan.engine_runs import service_client
from tests.support.projects import HOME, write_project
from tests.support.telemetry.log_streams import Recorder

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
        cross_origins = CrossOrigins(project)
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
                    each,
                    Passthrough(each, services, RouteHeaders(each, ())),
                    cross_origins.of(each.cors),
                    cache,
                    tells_caller=False,
                )
                for each in project.routes
            },
            {},
            {},
            cross_origins,
            AccessControl(Anonymous()),
            Telemetry(self._log),
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

"""Replies out of memory: the worker's event loop has nothing to do with them."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import flask
import pytest
from granian import _futures

from bff import create_asgi
from bff.cli.serving.schedulers import answer_at_once
from bff.cli.serving.workers import _let_threads_end_their_turns
from bff.settings import Settings
from bff.web.hosts.asgi.edge import Edge
from bff.web.hosts.asgi.messages import BEGUN
from tests.support.hosts import WAIT_BUDGET_SECONDS, serving
from tests.support.projects import HOME, SHOP_SCHEMAS, SHOP_SERVICE, write_project
from tests.support.serving import Serve, gateways, on_linux
from tests.support.wire import WireServer
from tests.support.wire_scripts import json_reply

ANN = '{"id": 1, "first_name": "Ann"}'

CACHED = (
    HOME.replace("/home/", "/cached/")
    + """
cache: {ttl: 60s}
views:
  brief: {response: "{user: user.{id: id}}"}
"""
)

SLOW_SCHEMA = """
import pathlib, time
from pydantic import field_validator


class Slow(BaseModel):
    id: int

    @field_validator("id")
    @classmethod
    def wait(cls, value: int) -> int:
        pathlib.Path({begun!r}).touch()
        while not pathlib.Path({over!r}).exists():
            time.sleep(0.01)
        return value
"""

SLOW_OPERATION = """
  get_slow:
    request: GET /slow
    returns: schemas.shop:Slow
"""

SLOW = """
endpoint: GET /slow
deadline: 15s
steps:
  slow: {call: shop.get_slow}
"""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path) as start:
        yield start


def service(url: str) -> str:
    return f"timeout: 15s\n{SHOP_SERVICE.lstrip()}".replace("http://127.0.0.1:9", url)


def test_screen_in_memory_is_served_while_a_validator_holds_the_loop(
    serve: Serve, tmp_path: Path
) -> None:
    begun, over = tmp_path / "begun", tmp_path / "over"
    schema = SLOW_SCHEMA.format(begun=str(begun), over=str(over))
    with WireServer(json_reply(ANN)) as upstream, ThreadPoolExecutor(1) as client:
        write_project(
            tmp_path,
            {"cached": CACHED, "slow": SLOW},
            services={"shop": service(upstream.url) + SLOW_OPERATION},
            schemas={"shop": SHOP_SCHEMAS + schema},
        )
        gateway = serve()
        gateway.wait_until_it_answers()
        first = gateway.host.get("/cached/1")
        slow = client.submit(gateway.host.get, "/slow")
        try:
            gateway.wait_for(begun.exists)
            hits = [gateway.host.get("/cached/1") for _ in range(20)]
            assert not slow.done()
        finally:
            over.touch()
        assert slow.result(WAIT_BUDGET_SECONDS).status == 200
        assert {(hit.status, hit.body) for hit in hits} == {(200, first.body)}
        assert all((hit.header("cache-status") or "").startswith("bff; hit") for hit in hits)
        gateway.terminate()
        lines = gateway.said().splitlines()
        assert sum('"path":"/cached/1"' in line for line in lines) == 21


@on_linux
@pytest.mark.parametrize(("given", "policy"), [(None, "SCHED_BATCH"), ("normal", "SCHED_OTHER")])
def test_workers_threads_are_scheduled_as_the_setting_says(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, given: str | None, policy: str
) -> None:
    if given is not None:
        monkeypatch.setenv("BFF_SCHEDULING", given)
    gateway = serve()
    gateway.wait_until_it_answers()
    (worker,) = gateway.workers()
    threads = [int(name) for name in os.listdir(f"/proc/{worker}/task")]
    assert len(threads) > 2
    assert {os.sched_getscheduler(thread) for thread in threads} == {getattr(os, policy)}
    assert os.sched_getscheduler(gateway.process.pid) == os.SCHED_OTHER


# ------------------------------------------------------------------ the edge, asked directly


def scope(path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    raw_path, _, query = path.partition("?")
    names = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return {
        "type": "http", "method": method, "path": raw_path, "raw_path": raw_path.encode(),
        "query_string": query.encode(), "scheme": "http", "http_version": "1.1",
        "headers": [(b"host", b"here"), *names.items()],
        "client": ("127.0.0.1", 1),
    }  # fmt: skip


async def served(edge: Edge, asked: dict[str, Any]) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.sleep(WAIT_BUDGET_SECONDS)

    await edge.serve(asked, receive, send)
    return sent


@asynccontextmanager
async def edge_over(folder: Path, url: str) -> AsyncIterator[Edge]:
    write_project(
        folder,
        {"cached": CACHED, "home": HOME},
        services={"shop": service(url)},
        gateway="cors: {origins: [https://shop.example]}\n",
    )
    app = flask.Flask("elsewhere")
    yield create_asgi(folder, Settings(log_level="error"), app=app)
    await app.extensions["bff"].core.close()


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (scope("/cached/1"), 200),
        (scope("/cached/1", "HEAD"), 200),
        (scope("/cached/1?view=brief"), 200),
        (scope("/cached/1", accept_encoding="gzip"), 200),
        (scope("/cached/1", if_none_match="*"), 304),
        (scope("/cached/1", origin="https://shop.example"), 200),
        (scope("/cached/x"), 400),
        (scope("/cached/1", "POST"), 405),
    ],
)
def test_at_once_sends_what_serve_sends(tmp_path: Path, asked: dict[str, Any], status: int) -> None:
    asked = {**asked, "headers": [*asked["headers"], (b"x-request-id", b"r-1")]}
    with WireServer(json_reply(ANN)) as upstream:

        async def scene() -> tuple[list[Any], list[Any]]:
            async with edge_over(tmp_path, upstream.url) as edge:
                await served(edge, {**asked})
                at_once: list[Any] = []
                assert edge.answer_at_once({**asked}, at_once.append)
                return at_once, await served(edge, {**asked})

        at_once, awaited = asyncio.run(scene())
    assert at_once == awaited
    assert at_once[0]["status"] == status
    assert len(upstream.requests) == (0 if status >= 400 else 1)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (scope("/cached/2"), 200),
        (scope("/home/1"), 200),
        (scope("/nowhere"), 404),
    ],
)
def test_what_memory_has_not_is_left_to_serve_with_nothing_sent(
    tmp_path: Path, asked: dict[str, Any], status: int
) -> None:
    with WireServer(json_reply(ANN)) as upstream:

        async def scene() -> list[Any]:
            async with edge_over(tmp_path, upstream.url) as edge:
                sent: list[Any] = []
                assert not edge.answer_at_once(scope("/cached/1"), sent.append)  # nothing runs yet
                await served(edge, scope("/cached/1"))
                assert not edge.answer_at_once(asked, sent.append)
                assert sent == []
                return await served(edge, asked)

        asked = {**asked}
        head, *_ = asyncio.run(scene())
    assert head["status"] == status
    assert (b"x-request-id", asked[BEGUN][0].request_id) in head["headers"]  # read once


def test_bug_on_the_way_is_a_500_and_the_next_request_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> bool:
        raise ZeroDivisionError

    with WireServer(json_reply(ANN)) as upstream:
        write_project(tmp_path, {"cached": CACHED}, services={"shop": service(upstream.url)})
        with serving("edge", tmp_path) as host:
            with monkeypatch.context() as broken:
                broken.setattr(Edge, "answer_at_once", fail)
                assert host.get("/cached/1").status == 500
            assert host.get("/cached/1").status == 200
            assert host.get("/cached/1").header("cache-status") is not None


def test_granian_without_the_place_for_it_is_served_as_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(_futures, "_cbsched_aioschedule")
    answer_at_once(create_asgi(write_project(tmp_path), Settings(log_level="error")))
    assert "granian" in caplog.text
    assert not hasattr(_futures, "_cbsched_aioschedule")


@on_linux
def test_policy_that_somebody_chose_stays() -> None:
    policies: list[int] = []

    def work() -> None:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # of this thread alone
        _let_threads_end_their_turns()
        policies.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert policies == [os.SCHED_IDLE]

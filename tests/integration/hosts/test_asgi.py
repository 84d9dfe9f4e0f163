"""The edge by the messages of ASGI: on uvicorn, and where a server takes no reply, no WebSocket, or
no start."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from flask import Flask

from bff import create_app, create_asgi
from bff.settings import Settings
from bff.telemetry.metrics.definitions.screens import REQUESTS
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import head, json_reply, stall_after

QUIET = Settings(log_level="error")
COUNTED = Settings(log_level="error", metrics_token="0123456789abcdef")


@contextmanager
def on_uvicorn(edge: Any, app: Flask, lifespan: str) -> Iterator[Host]:
    config = uvicorn.Config(
        edge, host="127.0.0.1", port=0, lifespan=lifespan, log_config=None, ws="none"
    )
    server = uvicorn.Server(config)

    async def serve() -> None:
        await server.serve()
        if lifespan == "off":  # nobody else closes the upstream connections then
            await edge._gateway.close()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.005)
    try:
        yield Host("uvicorn", server.servers[0].sockets[0].getsockname()[1], app)
    finally:
        server.should_exit = True
        thread.join(WAIT_BUDGET_SECONDS)


@pytest.mark.parametrize("lifespan", ["on", "off"])
def test_uvicorn_serves_the_edge_with_and_without_lifespan(tmp_path: Path, lifespan: str) -> None:
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        app = create_app(write_project(tmp_path, services=services), QUIET)
        with on_uvicorn(create_asgi(app=app), app, lifespan) as host:
            for target, status in (("/home/1", 200), ("/home/x", 400), ("/healthz", 200)):
                assert host.get(target).status == status
            told = host.request("HEAD", "/home/1")
            assert (told.body, told.header("content-length")) == (
                b"",
                str(len(host.get("/home/1").body)),
            )
            assert host.get("/home/a%2Fb").json()["reason"] == "bad_params"


@pytest.mark.parametrize(
    ("refusal", "error"),
    [(KeyError(600), "gateway_closed"), (ConnectionResetError(), "client_left")],
)
def test_reply_that_the_server_does_not_take_is_let_go_of_and_counts(
    tmp_path: Path, refusal: Exception, error: str
) -> None:
    """As uvicorn takes no status from 600 on."""

    async def send(_: Any) -> None:
        raise refusal

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def scene(upstream: WireServer) -> list[tuple[str, ...]]:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        write_project(tmp_path, services=services, gateway="routes: {/raw: {service: shop}}")
        edge: Any = create_asgi(tmp_path, COUNTED)
        for path in ("/home/x", "/raw"):
            with pytest.raises(type(refusal)):
                await edge(http_scope(path), receive, send)
        await asyncio.to_thread(upstream.wait_until, lambda server: server.peers_left == 1)
        counted = edge._gateway.metrics.histogram(REQUESTS).series
        await edge._gateway.close()
        return [(labels[0], *labels[4:]) for labels in counted]

    endless = stall_after(head(600, [("Content-Length", "1000000")]) + b"some")
    with WireServer(endless) as upstream:
        assert asyncio.run(scene(upstream)) == [
            ("composition", "400", error), ("route", "_OTHER", error),
        ]  # fmt: skip


def http_scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"gateway.example")],
    }


def test_websocket_is_refused_with_501_where_the_server_lets_an_app_answer(tmp_path: Path) -> None:
    edge = create_asgi(write_project(tmp_path), QUIET)
    sent: list[Any] = []
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "http_version": "1.1",
        "path": "/live/chat",
        "raw_path": b"/live/chat",
        "query_string": b"",
        "headers": [(b"host", b"gateway.example")],
        "extensions": {"websocket.http.response": {}},
    }

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    asyncio.run(edge(scope, receive, send))
    start, body = sent
    assert start["type"] == "websocket.http.response.start"
    assert start["status"] == 501
    assert body["type"] == "websocket.http.response.body"
    assert json.loads(body["body"])["reason"] == "no_websockets"


def test_websocket_is_refused_by_the_server_and_counts_as_it_answers(tmp_path: Path) -> None:
    edge: Any = create_asgi(write_project(tmp_path), COUNTED)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    asyncio.run(edge({**http_scope("/live"), "type": "websocket", "scheme": "ws"}, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]
    ((kind, *_, status, _),) = edge._gateway.metrics.histogram(REQUESTS).series
    assert (kind, status) == ("none", "403")


def test_start_that_fails_is_told_to_the_server(tmp_path: Path) -> None:
    """Here for a transport that can't be opened; a broken project fails before there is an app."""
    edge = create_asgi(write_project(tmp_path), Settings(transport="carrier-pigeon"))  # type: ignore[arg-type]
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    asyncio.run(edge({"type": "lifespan"}, receive, send))
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]

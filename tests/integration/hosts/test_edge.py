"""What hosts on a loop do: Flask behind them, clients that leave, and several ASGI servers."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask
import pytest
import uvicorn
from flask import Flask

from bff import Gateway, create_app, create_asgi
from bff.settings import Settings
from bff.telemetry.metrics.definitions.screens import REQUESTS
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, Host, serving
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import (
    head,
    held,
    json_reply,
    never,
    refusing_url,
    stall_after,
)

QUIET = Settings(log_level="error")
COUNTED = Settings(log_level="error", metrics_token="0123456789abcdef")

# Longer than the test's own patience, so that only a cancelled call ends before.
PATIENT = "deadline: 15s\n"

BUY = """
endpoint: POST /buy
deadline: 15s
steps:
  first: {call: shop.create_order, with: {user_id: 1}}
  second: {call: shop.get_user, with: {id: 7}, after: first}
"""

ORDER = '{"id": 1, "total": 1.5, "items": []}'


def shop(folder: Path, url: str, home: str = HOME, **compositions: str) -> Path:
    services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", url) + "timeout: 15s\n"}
    return write_project(folder, {"home": home, **compositions}, services=services)


@pytest.mark.parametrize("cache", ["", "cache: {ttl: 30s}\n"])
def test_client_that_leaves_ends_the_calls_made_for_it_alone(
    loop_host: str, tmp_path: Path, cache: str
) -> None:
    with WireServer(never()) as upstream:
        shop(tmp_path, upstream.url, home=HOME + PATIENT + cache)
        with serving(loop_host, tmp_path, settings=QUIET) as host:
            with host.connect() as connection:
                connection.request("GET", "/home/1")
                upstream.wait_for_requests(1)
            upstream.wait_until(lambda server: server.peers_left == 1)


def test_write_runs_to_its_end_though_its_client_left(loop_host: str, tmp_path: Path) -> None:
    gate = threading.Event()
    scripts = {
        "/orders": held(gate, json_reply(ORDER)),
        "/users/7": json_reply('{"id": 7, "first_name": "Di"}'),
        "/users/1": never(),
    }
    with WireServer(scripts) as upstream:
        shop(tmp_path, upstream.url, home=HOME + PATIENT, buy=BUY)
        with serving(loop_host, tmp_path, settings=QUIET) as host:
            with host.connect() as writer:
                writer.request("POST", "/buy")
                upstream.wait_for_requests(1)
            # A reader that left later has been noticed, and so has the writer been by then.
            with host.connect() as reader:
                reader.request("GET", "/home/1")
                upstream.wait_for_requests(2)
            upstream.wait_until(lambda server: server.peers_left == 1)
            gate.set()
            upstream.wait_for_requests(3)
    assert upstream.requests[2].target == "/users/7"


def own_app(folder: Path) -> flask.Flask:
    app = flask.Flask("own", static_folder=None)
    app.add_url_rule("/home/5", "five", lambda: "my own five")
    app.add_url_rule("/pages/<name>", "pages", lambda name: f"page {name}")
    app.add_url_rule("/upload", "upload", lambda: flask.request.data, methods=["POST"])
    app.add_url_rule("/told", "told", lambda: dict(flask.request.headers.items()))

    @app.route("/broken")
    def broken() -> str:
        raise ZeroDivisionError("secret-of-the-house")

    Gateway(app, folder, QUIET)
    return app


@pytest.fixture
def host_of_own_app(loop_host: str, tmp_path: Path) -> Iterator[Host]:
    def user(exchange: Exchange) -> None:
        number = exchange.request.target.rpartition("/")[2]
        json_reply(f'{{"id": {number}, "first_name": "Ann"}}')(exchange)

    with WireServer(user) as upstream:
        shop(tmp_path, upstream.url)
        with serving(loop_host, tmp_path, app=own_app(tmp_path)) as host:
            yield host


def test_own_view_wins_over_a_composition_and_serves_only_its_own(host_of_own_app: Host) -> None:
    assert host_of_own_app.get("/home/5").body == b"my own five"
    assert host_of_own_app.get("/home/%35").body == b"my own five"
    assert host_of_own_app.get("/home/6").json()["user"]["id"] == 6
    assert host_of_own_app.get("/pages/a%20b").body == b"page a b"
    assert host_of_own_app.get("/nowhere").json()["reason"] == "no_such_path"


def test_own_view_gets_the_body_and_one_spelling_of_each_header(host_of_own_app: Host) -> None:
    for body in (b"whole", [b"in ", b"chunks"]):
        sent = body if isinstance(body, bytes) else b"".join(body)
        answer = host_of_own_app.request("POST", "/upload", [("Content-Type", "text/x")], body)
        assert answer.body == sent
    told = host_of_own_app.request(
        "GET", "/told", [("X_User", "root"), ("X-User", "ann"), ("X-Request-ID", "id 1")]
    )
    assert told.json()["X-User"] == "ann"
    assert told.json()["X-Request-Id"] == told.header("x-request-id") != "id 1"


def test_own_view_that_fails_is_flasks_own_500(host_of_own_app: Host) -> None:
    answer = host_of_own_app.get("/broken")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert host_of_own_app.get("/home/6").status == 200


def test_header_that_a_composition_reads_is_not_spelled_with_underscores(
    loop_host: str, tmp_path: Path
) -> None:
    tagged = """
        endpoint: GET /tagged
        params: {x-tenant: {in: header, type: string, required: false}}
        steps:
          user: {call: shop.get_user, with: {id: 1}, when: '${params."x-tenant" != `null`}'}
        """
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream:
        shop(tmp_path, upstream.url, tagged=tagged)
        with serving(loop_host, tmp_path) as host:
            assert host.request("GET", "/tagged", [("X_Tenant", "a")]).json() == {"user": None}
            assert host.request("GET", "/tagged", [("X-Tenant", "a")]).json()["user"]["id"] == 1


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
        shop(tmp_path, upstream.url)
        app = create_app(tmp_path, QUIET)
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

    async def scene(upstream: WireServer) -> list[tuple[str, str]]:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        write_project(tmp_path, services=services, gateway="routes: {/raw: {service: shop}}")
        edge: Any = create_asgi(tmp_path, COUNTED)
        for path in ("/home/x", "/raw"):
            with pytest.raises(type(refusal)):
                await edge(http_scope(path), receive, send)
        await asyncio.to_thread(upstream.wait_until, lambda server: server.peers_left == 1)
        counted = edge._gateway.metrics.histogram(REQUESTS).series
        await edge._gateway.close()
        return [(labels[0], labels[-1]) for labels in counted]

    with WireServer(stall_after(head(600))) as upstream:
        assert asyncio.run(scene(upstream)) == [("composition", error), ("route", error)]


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


def test_redis_that_is_gone_is_noticed_in_the_log_alone(
    loop_host: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with (
        WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream,
        refusing_url() as gone,
    ):
        shop(tmp_path, upstream.url, home=HOME + "cache: {ttl: 30s}\n")
        settings = Settings(
            log_level="warning", redis_url=gone.replace("http", "redis"), cache_memory_bytes=0
        )
        with serving(loop_host, tmp_path, settings=settings) as host:
            for _ in range(6):
                assert host.get("/home/1").status == 200
    assert b'"log.logger":"bff.redis.' in capfdbinary.readouterr().out


def test_view_that_still_runs_when_the_edge_stops_runs_to_its_end(
    loop_host: str, tmp_path: Path
) -> None:
    app = flask.Flask("own")
    never_set, ended = threading.Event(), threading.Event()

    @app.get("/slow")
    def slow() -> flask.Response:
        def end() -> None:
            never_set.wait(0.5)
            ended.set()

        response = flask.Response(b"there already", headers={"Content-Length": "13"})
        response.call_on_close(end)
        return response

    Gateway(app, project=shop(tmp_path, "http://127.0.0.1:9"))
    with serving(loop_host, tmp_path, settings=QUIET, app=app) as host:
        assert host.get("/slow").body == b"there already"
    assert ended.is_set()


def test_client_that_leaves_is_noticed_though_nobody_reads_its_body(
    loop_host: str, tmp_path: Path
) -> None:
    with WireServer(never()) as upstream:
        shop(tmp_path, upstream.url, home=HOME + PATIENT)
        with serving(loop_host, tmp_path, settings=QUIET) as host:
            with host.connect() as connection:
                connection.putrequest("GET", "/home/1")
                connection.putheader("Content-Length", "10")
                connection.endheaders(b"half")
                upstream.wait_for_requests(1)
            upstream.wait_until(lambda server: server.peers_left == 1)

"""What the end of a server cuts off is counted, as cut off, and is at work no more."""

import asyncio
import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import flask
import pytest

from bff import Gateway, create_asgi
from bff.settings import Settings
from bff.telemetry.metrics.definitions.screens import REQUESTS, REQUESTS_IN_FLIGHT
from bff.web.applications import create_server
from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS, http1_server
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import head, never, stall_after

COUNTED = Settings(log_level="error", metrics_token="0123456789abcdef")

SCOPE = {
    "type": "http",
    "method": "GET",
    "scheme": "http",
    "http_version": "1.1",
    "query_string": b"",
    "headers": [(b"host", b"gateway.example")],
}


def project_of(folder: Path, upstream: WireServer) -> Path:
    service = SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)
    gateway = "routes: {/raw: {service: shop, strip: true}}"
    return write_project(folder, {"home": HOME}, services={"shop": service}, gateway=gateway)


def test_end_of_our_server_cuts_off_a_write_and_a_view_of_the_apps(
    tmp_path: Path,
) -> None:
    """Neither ends because a client leaves."""
    is_asked, let_go = threading.Event(), threading.Event()
    app = flask.Flask("own")

    @app.get("/own")
    def own() -> str:
        is_asked.set()
        let_go.wait(WAIT_BUDGET_SECONDS)
        return "late"

    with WireServer(never()) as upstream, ThreadPoolExecutor(2) as pool:
        Gateway(app, project_of(tmp_path, upstream), COUNTED)
        made = create_server(app=app)

        def ask(port: int, method: str, target: str) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request(method, target)
            with pytest.raises((http.client.HTTPException, OSError)):
                connection.getresponse()
            let_go.set()

        with http1_server(made, grace_seconds=0.2) as port:
            asking = [
                pool.submit(ask, port, *each) for each in (("POST", "/raw/x"), ("GET", "/own"))
            ]
            upstream.wait_for_requests(1)
            is_asked.wait(WAIT_BUDGET_SECONDS)
        for each in asking:
            each.result(WAIT_BUDGET_SECONDS)
    requests = made.gateway.metrics.histogram(REQUESTS).series
    assert {(labels[0], *labels[4:]) for labels in requests} == {
        ("route", "503", "gateway_closed"),
        ("app", "503", "gateway_closed"),
    }
    at_work = made.gateway.metrics.gauge(REQUESTS_IN_FLIGHT).series
    assert at_work == {("route",): [0], ("app",): [0]}


def test_end_of_an_asgi_server_cuts_off_what_waits_and_what_is_sent(
    tmp_path: Path,
) -> None:
    is_asked, has_begun, let_go = threading.Event(), threading.Event(), threading.Event()
    app = flask.Flask("cut", static_folder=None)

    @app.get("/own")
    def own() -> str:
        is_asked.set()
        let_go.wait(WAIT_BUDGET_SECONDS)
        return "late"

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            has_begun.set()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def scene(upstream: WireServer) -> list[tuple[str, ...]]:
        Gateway(app, project_of(tmp_path, upstream), COUNTED)
        edge: Any = create_asgi(app=app)
        at_work = edge._gateway.metrics.gauge(REQUESTS_IN_FLIGHT).series
        arrived = partial(upstream.wait_for_requests, 1)
        for path, comes in (
            ("/home/1", arrived), ("/raw/endless", has_begun.wait), ("/own", is_asked.wait),
        ):  # fmt: skip
            task = asyncio.create_task(
                edge({**SCOPE, "path": path, "raw_path": path.encode()}, receive, send)
            )
            await asyncio.to_thread(comes)
            assert sum(cell[0] for cell in at_work.values()) == 1
            task.cancel()
            await asyncio.sleep(0)
            if path == "/own":
                let_go.set()
            await asyncio.wait((task,))
            assert task.cancelled()
            assert not any(cell[0] for cell in at_work.values())
        counted = edge._gateway.metrics.histogram(REQUESTS).series
        await edge._behind.close()
        await edge._gateway.close()
        return [(labels[0], *labels[4:]) for labels in counted]

    endless = stall_after(head(200, [("Content-Length", "1000000")]) + b"some")
    with WireServer({"/users/1": never(), "/endless": endless}) as upstream:
        assert asyncio.run(scene(upstream)) == [
            ("composition", "503", "gateway_closed"),
            ("route", "200", "gateway_closed"),
            ("app", "503", "gateway_closed"),
        ]

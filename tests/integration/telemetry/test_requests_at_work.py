"""Which requests count as at work, in every host: those that take waiting, until their ends."""

import gc
from pathlib import Path

import flask
import pytest
from flask import Flask

from bff.settings import Settings
from bff.telemetry.metrics.definitions.screens import REQUESTS
from bff.upstream.ports import BrokenStream
from bff.web.applications import create_app, create_server
from tests.support.fake_time import Clock
from tests.support.gateway.hosts import LOOP_HOSTS, Host, http1_server
from tests.support.gateway.websockets import echo, live_project, opened, switching
from tests.support.projects import SHOP_SERVICE, write_project
from tests.support.telemetry.counted import counted
from tests.support.telemetry.counted_shop import (
    GATE,
    GATEWAY,
    SCRIPTS,
    TOKEN,
    Shop,
    asked,
    run,
    screen,
)
from tests.support.upstream.wire import WireServer


@pytest.mark.parametrize("shop", LOOP_HOSTS, indirect=True)  # WSGI sees no client leave
def test_client_that_leaves_has_no_status_and_abandons_its_screen(shop: Shop) -> None:
    GATE.clear()
    arrived = len(shop.upstream.requests)
    left = [
        asked("/hard/{id}", 0, error="client_left"), screen("hard", "abandoned"),
        *run("hard", "cancelled", user="cancelled"),
    ]  # fmt: skip
    with shop.moves(*left), shop.host.connect() as connection:
        connection.request("GET", "/hard/99")
        shop.upstream.wait_for_requests(arrived + 1)
    GATE.set()
    assert shop.at_work({}) == {}


def test_reply_that_a_client_leaves_is_not_at_work_any_more(shop: Shop) -> None:
    """However it leaves; a write runs to its end, and is at work until then."""
    GATE.clear()
    with shop.host.connect() as connection:
        connection.request("GET", "/raw/endless")
        with connection.getresponse() as answer:  # in HTTP/1.0 the reply has the connection
            assert answer.read(1) == b"x"
            assert shop.at_work({"route": 1}) == {"route": 1}
    assert shop.at_work({}) == {}
    with shop.host.connect() as connection:
        connection.putrequest("POST", "/buy")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"{")
        assert shop.at_work({"composition": 1}) == {"composition": 1}
    assert shop.at_work({}) == {}
    arrived = len(shop.upstream.requests)
    with shop.host.connect() as connection:
        connection.request("POST", "/write", b"{}", {"Content-Type": "application/json"})
        shop.upstream.wait_for_requests(arrived + 1)
    assert shop.at_work({"composition": 1}) == {"composition": 1}
    GATE.set()
    assert shop.at_work({}) == {}


@pytest.mark.parametrize("does", ["fails", "answers otherwise"])
def test_stream_that_an_apps_own_hook_drops_is_not_at_work_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    """Nobody reads it then, and no server closes it."""

    def drop(_: flask.Response) -> flask.Response:
        if does == "fails":
            raise RuntimeError("the app's own")
        return flask.make_response("another")

    with WireServer(SCRIPTS) as upstream:
        app = create_app(
            write_project(
                tmp_path,
                services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)},
                gateway=GATEWAY,
            ),
            Settings(log_level="error", metrics_token=TOKEN),
        )
        app.after_request(drop)
        # pytest would hold what it logs, and the reply with it.
        monkeypatch.setattr(app.logger, "disabled", True)
        status = app.test_client().get("/raw/endless").status_code
        assert status == (500 if does == "fails" else 200)
        gc.collect()  # the traceback has a cycle
        gateway = app.extensions["bff"]
        shop = Shop(Host("flask", 0, app), upstream, Clock(), gateway.core.metrics)
        assert shop.at_work({}) == {}
        assert list(counted(gateway.core.metrics, REQUESTS)) == [
            asked("/raw/*", 200, error="client_left")
        ]
        gateway.close()


def test_stream_that_breaks_off_is_not_at_work_though_no_server_closes_it(tmp_path: Path) -> None:
    """As werkzeug's doesn't where the client has gone, too."""
    with WireServer(SCRIPTS) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        folder = write_project(tmp_path, services=services, gateway=GATEWAY)
        app = create_app(folder, Settings(log_level="error", metrics_token=TOKEN))
        reply = app.test_client().get("/raw/half", buffered=False)
        with pytest.raises(BrokenStream) as broken:
            list(reply.response)
        gateway = app.extensions["bff"]
        shop = Shop(Host("flask", 0, app), upstream, Clock(), gateway.core.metrics)
        assert broken.value  # whose traceback has the reply
        assert shop.at_work({}) == {}
        gateway.close()


def test_websocket_is_at_work_as_long_as_it_is_open(tmp_path: Path) -> None:
    with WireServer(switching(echo)) as upstream:
        settings = Settings(log_level="error", metrics_token=TOKEN)
        server = create_server(live_project(tmp_path, upstream.url), settings)
        with http1_server(server) as port:
            host = Host("http1", port, Flask("elsewhere"))
            shop = Shop(host, upstream, Clock(), server.gateway.metrics)
            with shop.moves(asked("/live/*", 101, kind="route")), opened(host) as client:
                client.send(b"hello")
                assert client.read(5) == b"hello"
                assert shop.at_work({"websocket": 1}) == {"websocket": 1}
            assert shop.at_work({}) == {}

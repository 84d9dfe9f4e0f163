"""What hosts on a loop do: Flask behind them, and clients that leave."""

import threading
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest

from bff import Gateway
from bff.settings import Settings
from tests.support.gateway.hosts import Host, serving
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import Exchange, WireServer
from tests.support.upstream.wire_scripts import (
    held,
    json_reply,
    never,
    refusing_url,
)

QUIET = Settings(log_level="error")

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
    app.add_url_rule("/named", "named", lambda: ("", {"X-Request-ID": "its own"}))

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
    assert host_of_own_app.get("/named").header("x-request-id") == "its own"


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

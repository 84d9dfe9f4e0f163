"""Who may open a WebSocket through a route, and in which hosts."""

import asyncio
import socket
from pathlib import Path

import flask
import pytest

from bff import Gateway
from bff.errors import SettingsError
from bff.identity.ports import Claims
from bff.identity.provider import BearerToken, ConfiguredProvider, CredentialKindReader
from bff.plan.model.identity import NO_IDENTITY
from bff.settings import Settings
from bff.web.applications import create_server
from bff.web.hosts.http1.server import Http1Server
from tests.support.gateway.hosts import Host, http1_server, serving
from tests.support.gateway.websockets import (
    HANDSHAKE,
    connected,
    echo,
    handshake,
    live_project,
    opened,
    switching,
)
from tests.support.identity.browsers import SESSION_COOKIE, Browser, serving_sessions
from tests.support.identity.callers import Credentials
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.redis.server import RedisServer
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import reply

OK = reply(body=b"ok")


@pytest.mark.parametrize("late", ["", "late-"], ids=["at once", "waited for"])
def test_access_is_decided_before_the_handshake_is_looked_at(tmp_path: Path, late: str) -> None:
    known = {"ann": Claims("token", {"roles": ["member"]}, "ann"), "bo": Claims("token", {}, "bo")}
    kinds = [CredentialKindReader(BearerToken(), Credentials(known))]
    provider = ConfiguredProvider(NO_IDENTITY, kinds)
    with WireServer(switching(echo)) as upstream:
        project = live_project(tmp_path, upstream.url, access="{roles: {any: [member]}}")
        with serving("http1", project, identity=provider) as host:
            with connected(host) as client:
                client.send(handshake(authorization=f"Bearer {late}bo"))
                assert client.read_head().startswith(b"HTTP/1.1 403 ")
            for refused in (handshake(), handshake(sec_websocket_version="8")):
                with connected(host) as client:
                    client.send(refused)
                    assert b'"reason":"no_credentials"' in client.read_all()
            assert upstream.requests == []
            with connected(host) as client:
                client.send(handshake(authorization=f"Bearer {late}ann"))
                assert client.read_head().startswith(b"HTTP/1.1 101 ")


def test_session_opens_one_for_pages_of_listed_origins_alone(
    tmp_path: Path, issuer: OidcIssuer, server: RedisServer
) -> None:
    with serving_sessions("http1", tmp_path, issuer, server) as served:
        browser = Browser(served.host)
        browser.log_in()
        cookie = f"{SESSION_COOKIE}={browser.session_id}"
        for origin, found in (
            ("https://app.example", b"HTTP/1.1 101 "),
            ("https://evil.example", b'"reason":"foreign_origin"'),
            (None, b'"reason":"foreign_origin"'),
        ):
            with connected(served.host) as client:
                client.send(handshake(cookie=cookie, origin=origin))
                got = client.read_head() if b"101" in found else client.read_all()
                assert found in got
        with connected(served.host) as client:
            client.send(handshake(origin="https://app.example"))
            assert b'"reason":"no_credentials"' in client.read_all()
        assert [each.path for each in served.upstream.requests] == ["/chat"]


@pytest.mark.parametrize(
    ("name", "is_guarded"),
    [("edge", False), ("flask", False), ("flask", True)],  # a guarded edge does not open
)
def test_other_hosts_answer_501(tmp_path: Path, name: str, is_guarded: bool) -> None:
    with WireServer(OK) as upstream:
        project = live_project(tmp_path, upstream.url)
        app = flask.Flask("shop", static_folder=None)
        Gateway(app, project, Settings(log_level="error"))
        if is_guarded:
            app.before_request(lambda: None)
        with serving(name, project, app=app) as host:
            refused = host.request("GET", "/live/chat", [*HANDSHAKE.items()][1:])
            assert host.get("/live/x").body == b"ok"
        assert len(upstream.requests) == 1
    assert refused.status == 501
    assert refused.json()["reason"] == "no_websockets"


def guarded(folder: Path, **options: str) -> flask.Flask:
    app = flask.Flask("shop", static_folder=None)
    Gateway(app, folder, Settings(log_level="error"), **options)  # type: ignore[arg-type]
    app.before_request(lambda: None)
    return app


def start(server: Http1Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asyncio.run(server.start(sock=listener))


def test_server_does_not_start_where_an_apps_guards_would_be_passed_by(tmp_path: Path) -> None:
    app = guarded(live_project(tmp_path, "http://127.0.0.1:9"))
    with pytest.raises(SettingsError, match=r"^/live: WebSockets would pass by .*before_request"):
        start(create_server(app=app))


def test_server_starts_where_an_app_lets_the_gateway_answer_first(tmp_path: Path) -> None:
    with WireServer(switching(echo)) as upstream:
        app = guarded(live_project(tmp_path, upstream.url), guards="none")
        with (
            http1_server(create_server(app=app)) as port,
            opened(Host("http1", port, app)) as client,
        ):
            client.send(b"hello")
            assert client.read(5) == b"hello"


def test_server_does_not_start_over_a_transport_without_websockets(tmp_path: Path) -> None:
    project = live_project(tmp_path, "http://127.0.0.1:9")
    made = create_server(project, Settings(log_level="error", transport="httpx"))
    with pytest.raises(SettingsError, match=r"^BFF_TRANSPORT: httpx .* /live\. Use http1"):
        start(made)


def test_handshake_below_a_route_that_lends_credentials_has_them_and_not_the_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "k")
    with WireServer({"/chat": switching(echo)}) as upstream:
        folder = live_project(tmp_path, upstream.url)
        gateway, service = folder / "gateway.yaml", folder / "services" / "shop.yaml"
        lent = gateway.read_text().replace(
            "websocket: true", "websocket: true, credentials: service"
        )
        gateway.write_text(lent)
        own = 'auth: {api_key: {in: query, name: key, value: "${secret.KEY}"}}\n'
        service.write_text(service.read_text() + own)
        with http1_server(create_server(folder, Settings(log_level="error"))) as port:
            host = Host("http1", port, flask.Flask("elsewhere"))
            with connected(host) as client:
                client.send(handshake("/live/chat?key=mine&a=1", authorization="Bearer mine"))
                assert client.read_head().startswith(b"HTTP/1.1 101 ")
            (sent,) = upstream.requests
            assert (sent.target, sent.header("authorization")) == ("/chat?a=1&key=k", None)

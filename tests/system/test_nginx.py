"""The gateway behind nginx, configured as docs/running.md shows it."""

import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import trustme

from tests.support.gateway.hosts import WAIT_BUDGET_SECONDS
from tests.support.gateway.serving import Serve, gateways
from tests.support.gateway.websockets import GATEWAY, Client, echo, handshake, switching
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.ports import free_port
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply, reply

RUNNING = (Path(__file__).parents[2] / "docs/running.md").read_text(encoding="utf-8")
(SHOWN,) = re.findall(r"^```nginx\n(.*?)^```$", RUNNING, flags=re.M | re.S)

# What Debian's nginx.conf has around the files of conf.d; here with all files in one folder.
AROUND = """
daemon off; master_process off; pid nginx.pid; error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    {shown}
}}
"""
TRUSTED = "trusted_proxies: {addresses: [127.0.0.1], hops: 1}\n"
# What a client says of itself.
FORGED = {
    "X-Forwarded-For": "1.1.1.1", "X-Forwarded-Proto": "ftp", "X-Forwarded-Host": "evil.example",
    "Forwarded": "for=1.1.1.1;host=evil.example",
    "traceparent": f"00-{'e' * 32}-{'e' * 16}-01", "tracestate": "e=v", "X-Request-ID": "evil",
}  # fmt: skip
ANN = json_reply('{"id": 1, "first_name": "Ann"}')


class Proxy:
    """An nginx before a gateway, at `port`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def curl(self, target: str, *options: str) -> list[str]:
        """The words of `--write-out`, after a reply that is dropped."""
        result = subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--cacert", "authority.pem", *options),
                *("--output", "reply", "--write-out", "%{http_version} %{response_code}"),
                f"https://localhost:{self.port}{target}",
            ],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=WAIT_BUDGET_SECONDS,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.split()

    def connect(self) -> ssl.SSLSocket:
        """A connection that speaks HTTP/1.1."""
        raw = socket.create_connection(("127.0.0.1", self.port), WAIT_BUDGET_SECONDS)
        return self._context().wrap_socket(raw, server_hostname="localhost")

    def browser(self) -> httpx.Client:
        """A client that keeps cookies, and goes on by itself nowhere."""
        url = f"https://localhost:{self.port}"
        return httpx.Client(base_url=url, verify=self._context(), trust_env=False, timeout=20)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "authority.pem"))


@contextmanager
def nginx(folder: Path, gateway_port: int, port: int) -> Iterator[Proxy]:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "tmp").mkdir()
    shown = SHOWN.replace("127.0.0.1:8080", f"127.0.0.1:{gateway_port}")
    shown = shown.replace("listen 8443", f"listen 127.0.0.1:{port}")
    (folder / "nginx.conf").write_text(AROUND.format(shown=shown))
    process = subprocess.Popen(
        ["nginx", "-p", str(folder), "-c", "nginx.conf"],
        env={"PATH": "/usr/sbin:/usr/local/sbin:/usr/bin:/bin"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(int(WAIT_BUDGET_SECONDS / 0.02)):
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
                assert process.stderr is not None
                pytest.fail(f"nginx has ended: {process.stderr.read()}")
        yield Proxy(folder, port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_BUDGET_SECONDS)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with gateways(tmp_path / "project") as start:
        yield start


PUBLIC = f"{GATEWAY}defaults: {{access: public}}\n{TRUSTED}"


@contextmanager
def behind(
    serve: Serve, folder: Path, upstream: WireServer, gateway: str = PUBLIC, port: int = 0
) -> Iterator[Proxy]:
    """nginx, before a gateway, before a service."""
    write_project(
        folder / "project",
        {"home": HOME},
        services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)},
        gateway=gateway,
    )
    serving = serve()
    serving.wait_until_it_answers()
    with nginx(folder, serving.port, port or free_port()) as proxy:
        yield proxy
    serving.terminate()
    serving.assert_ended_well()


def test_browser_speaks_http_2_and_its_path_and_body_arrive_as_they_are(
    serve: Serve, tmp_path: Path
) -> None:
    with WireServer(ANN) as upstream, behind(serve, tmp_path, upstream) as proxy:
        assert proxy.curl("/home/1") == ["2", "200"]
        assert proxy.curl("/home/nobody") == ["2", "400"]
        assert proxy.curl("/healthz", "--http1.1") == ["1.1", "200"]
        assert proxy.curl("/raw/a%2Fb/%C3%A9?x=%20y", "--data", "body") == ["2", "200"]
        last = upstream.requests[-1]
        assert (last.method, last.target) == ("POST", "/a%2Fb/%C3%A9?x=%20y")
        assert last.body == b"body"
        forged = [("--header", f"{name}: {value}") for name, value in FORGED.items()]
        assert proxy.curl("/raw/x", *chain.from_iterable(forged)) == ["2", "200"]
        told = upstream.requests[-1]
        assert told.header("x-forwarded-for") == "127.0.0.1"
        assert told.header("x-forwarded-proto") == "https"
        assert told.header("x-forwarded-host") == f"localhost:{proxy.port}"
        assert "e" * 16 not in str(told.header("traceparent"))
        assert told.header("tracestate") is None
        assert len(str(told.header("x-request-id"))) == 32
        large = tmp_path / "large"
        large.write_bytes(bytes(8 << 20))
        assert proxy.curl("/raw/x", "--data-binary", f"@{large}") == ["2", "200"]
        assert upstream.requests[-1].body == bytes(8 << 20)


def test_websocket_goes_through_nginx(serve: Serve, tmp_path: Path) -> None:
    with (
        WireServer(switching(echo)) as upstream,
        behind(serve, tmp_path, upstream) as proxy,
        proxy.connect() as connection,
    ):
        client = Client(connection)
        client.send(handshake())
        assert client.read_head().startswith(b"HTTP/1.1 101 ")
        client.send(b"any bytes")
        assert client.read(9) == b"any bytes"


def test_nginx_keeps_its_connections_to_the_gateway(tmp_path: Path) -> None:
    with (
        WireServer(reply(200, [], b"ok")) as gateway,
        nginx(tmp_path, gateway.port, free_port()) as proxy,
    ):
        assert [proxy.curl("/x")[1] for _ in range(3)] == ["200"] * 3
        assert gateway.accepted == 1
        assert gateway.requests[0].header("host") == f"localhost:{proxy.port}"


LOGINS = """
defaults: {{access: authenticated}}
trusted_proxies: {{addresses: [127.0.0.1], hops: 1}}
identity:
  sessions:
    issuer: {issuer}
    client_id: {client}
    client_secret: "${{secret.OIDC}}"
    public_url: https://localhost:{port}
    keys: ["${{secret.SESSION_KEY}}"]
"""


def test_login_behind_nginx_leads_back_by_https_whatever_host_a_client_names(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    with OidcIssuer(host="127.0.0.1") as issuer, WireServer(ANN) as upstream:
        monkeypatch.setenv("OIDC", issuer.client_secret)
        monkeypatch.setenv("SESSION_KEY", "for this test alone, and long enough")
        logins = LOGINS.format(issuer=issuer.url, client=issuer.client_id, port=port)
        with (
            behind(serve, tmp_path, upstream, logins, port) as proxy,
            proxy.browser() as browser,
        ):
            assert browser.get("/home/1").status_code == 401
            begun = browser.get("/bff/login", headers={"Host": "evil.example"})
            asked = dict(parse_qsl(urlsplit(begun.headers["location"]).query))
            assert asked["redirect_uri"] == f"https://localhost:{port}/bff/callback"
            begun = browser.get("/bff/login")
            back = httpx.get(begun.headers["location"], trust_env=False).headers["location"]
            assert browser.get(back).status_code == 200
            assert browser.get("/home/1", headers={"X-CSRF": "1"}).status_code == 200
            user = browser.get("/bff/user", headers={"X-CSRF": "1"}).json()
            assert user["logout_url"].startswith(f"https://localhost:{port}/bff/logout?")

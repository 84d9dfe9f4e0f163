"""From the keys of a service's file to its connections, for steps and routes alike."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from tests.support.gateway.hosts import serving
from tests.support.projects import write_project
from tests.support.upstream.tls_servers import TlsServer, client_files, tls_server
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

SERVICE = """
operations:
  look: {request: GET /it, returns: 'schemas.raw:Anything'}
"""
SCHEMAS = (
    "from typing import Any\nfrom pydantic import RootModel\n\nclass Anything(RootModel[Any]): ..."
)
COMPOSITION = "{endpoint: GET /c, steps: {look: {call: raw.look}}}"
ROUTE = "routes: {/raw: {service: raw}}\n"


def project(folder: Path, keys: str) -> Path:
    return write_project(
        folder,
        {"c": COMPOSITION},
        services={"raw": keys + SERVICE},
        schemas={"raw": SCHEMAS},
        gateway=ROUTE,
    )


@contextmanager
def served_over_tls(issuer: trustme.CA, wants: trustme.CA) -> Iterator[TlsServer]:
    """A server on a thread of its own."""
    made: list[TlsServer] = []
    is_up = threading.Event()
    loop = asyncio.new_event_loop()

    async def main(ends: asyncio.Event) -> None:
        async with tls_server(issuer, "localhost", wants=wants) as server:
            made.append(server)
            is_up.set()
            await ends.wait()

    ends = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(main(ends),))
    thread.start()
    try:
        assert is_up.wait(10)
        yield made[0]
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(10)
        loop.close()


@pytest.mark.parametrize(("path", "target"), [("/c", "/it"), ("/raw/it?x=1", "/it?x=1")])
def test_steps_and_routes_go_through_the_proxy_of_their_service(
    tmp_path: Path, path: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_PASSWORD", "secret")
    with WireServer(json_reply('"by a proxy"')) as proxy:
        address = f"http://me:${{secret.PROXY_PASSWORD}}@127.0.0.1:{proxy.port}"
        folder = project(tmp_path, f'base: http://shop.invalid/api\nproxy: "{address}"')
        with serving("http1", folder) as host:
            answer = host.get(path)
        (request,) = proxy.requests
        assert (answer.status, b"by a proxy" in answer.body) == (200, True)
        assert request.target == f"http://shop.invalid/api{target}"
        assert request.header("proxy-authorization") == "Basic bWU6c2VjcmV0"


def test_steps_and_routes_show_the_certificate_of_their_service(tmp_path: Path) -> None:
    authority, issuer = trustme.CA(), trustme.CA()
    client_files(tmp_path, authority, issuer, "gateway")
    files = "tls: {ca: ca.pem, cert: client.pem, key: client.key}"
    with served_over_tls(authority, wants=issuer) as server:
        folder = project(tmp_path, f"base: https://localhost:{server.port}\n{files}")
        with serving("http1", folder) as host:
            statuses = [host.get(path).status for path in ("/c", "/raw/it")]
        assert statuses == [200, 200]
        assert server.peers == ["gateway", "gateway"]

"""Test and live over one Redis and one namespace: their credentials alone tell them apart."""

from pathlib import Path

import pytest

from bff.settings import Settings
from tests.support.gateway.hosts import serving
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.redis.server import RedisServer
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

OWN = 'base: "${env.SHOP_URL}"\nauth: {bearer: "${secret.SHOP_TOKEN}"}'


def name_seen(
    folder: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch, token: str, name: str
) -> str:
    """The name that a gateway shows, whose shop has this one and which has this token."""
    script = json_reply(f'{{"id": 1, "first_name": "{name}"}}')
    with WireServer({"/users/1": script}) as upstream:
        monkeypatch.setenv("SHOP_URL", upstream.url)
        monkeypatch.setenv("SHOP_TOKEN", token)
        with serving("http1", folder, settings=Settings(redis_url=server.url)) as host:
            shown: str = host.get("/home/1").json()["user"]["firstName"]
            return shown


def test_gateways_with_the_same_credentials_share_and_others_never(
    tmp_path: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = SHOP_SERVICE.replace("base: http://127.0.0.1:9", OWN)
    gateway = "cache: {namespace: shop}"
    home = HOME + "cache: {ttl: 1m}\n"
    folder = write_project(tmp_path, {"home": home}, services={"shop": service}, gateway=gateway)
    live = name_seen(folder, server, monkeypatch, "live", "Ann")
    assert live == "Ann"
    assert name_seen(folder, server, monkeypatch, "test", "Bob") == "Bob"
    # At another address, with the same credentials: what the first one made.
    assert name_seen(folder, server, monkeypatch, "live", "Cid") == "Ann"

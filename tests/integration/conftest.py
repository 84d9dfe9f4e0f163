"""Redis servers, stores of API keys, and the hosts that have an app behind them."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.identity.api_keys.stores import FileStore
from tests.support.gateway.hosts import LOOP_HOSTS
from tests.support.identity.api_keys import Open, redis_store
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.redis.server import RedisServer


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RedisServer]:
    """One for all tests of a module."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    """The shared one, empty."""
    shared_server.empty()
    return shared_server


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """One that a test may hurt."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def shared_issuer() -> Iterator[OidcIssuer]:
    """One OpenID provider for all tests of a module."""
    with OidcIssuer() as running:
        yield running


@pytest.fixture
def issuer(shared_issuer: OidcIssuer) -> OidcIssuer:
    """The shared one, which knows nothing of earlier tests."""
    shared_issuer.reset()
    return shared_issuer


@pytest.fixture(params=["file", "redis"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path, server: RedisServer) -> Open:
    """Opens one store of API keys again and again; to be called on an event loop."""
    if request.param == "file":
        return lambda: FileStore(tmp_path / "keys.json")
    return lambda: redis_store(server)


@pytest.fixture
def hear_the_cache(caplog: pytest.LogCaptureFixture) -> None:
    """So that `caplog` has what the cache says."""
    caplog.set_level(logging.INFO, logger="bff.cache")


@pytest.fixture(params=LOOP_HOSTS)
def loop_host(request: pytest.FixtureRequest) -> str:
    """The name of a host on an event loop, which may have an app behind it."""
    name: str = request.param
    return name

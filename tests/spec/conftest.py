"""What the specification's tests share: screens and browsers in every host."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.gateway.hosts import HOSTS
from tests.support.gateway.screens import Screens
from tests.support.identity.browsers import Browser, Served, serving_sessions
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.redis.server import RedisServer


@pytest.fixture(params=HOSTS)
def screens(request: pytest.FixtureRequest) -> Iterator[Screens]:
    """Serves compositions in a host, for as long as the test runs."""
    with ExitStack() as stack:
        yield Screens(request.param, stack)


@pytest.fixture(scope="module")
def shared_issuer() -> Iterator[OidcIssuer]:
    with OidcIssuer() as running:
        yield running


@pytest.fixture(scope="module", params=HOSTS)
def shared_sessions(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shared_issuer: OidcIssuer,
) -> Iterator[Served]:
    with (
        RedisServer() as redis,
        serving_sessions(
            request.param, tmp_path_factory.mktemp("s"), shared_issuer, redis
        ) as served,
    ):
        yield served


@pytest.fixture
def served(shared_sessions: Served) -> Served:
    shared_sessions.issuer.reset()
    shared_sessions.issuer.user = {"sub": "ada", "name": "Ada", "internal": "not for pages"}
    return shared_sessions


@pytest.fixture
def browser(served: Served) -> Browser:
    return Browser(served.host)

"""What tests of counts share: the shop whose metrics they watch, in every host."""

from collections.abc import Iterator

import pytest

from tests.support.gateway.hosts import HOSTS
from tests.support.telemetry.counted_shop import Shop, serving_shop


@pytest.fixture(scope="module", params=HOSTS)
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """One shop in one host for all tests of a module."""
    with serving_shop(request.param, tmp_path_factory.mktemp("shop")) as served:
        yield served

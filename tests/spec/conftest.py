"""What the specification's tests share: screens in both hosts."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.hosts import HOSTS
from tests.support.screens import Screens


@pytest.fixture(params=HOSTS)
def screens(request: pytest.FixtureRequest) -> Iterator[Screens]:
    """Serves compositions in a host, for as long as the test runs."""
    with ExitStack() as stack:
        yield Screens(request.param, stack)

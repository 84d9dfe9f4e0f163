"""What unit tests share: an issuer on loopback whose answers a test sets."""

from collections.abc import Iterator

import pytest

from tests.support.identity.issuers import StandInIssuer, stand_in_issuer


@pytest.fixture(scope="module")
def shared_issuer() -> Iterator[StandInIssuer]:
    """One issuer for all tests of a module."""
    with stand_in_issuer() as running:
        yield running


@pytest.fixture
def issuer(shared_issuer: StandInIssuer) -> StandInIssuer:
    """The shared one, which knows nothing of earlier tests."""
    shared_issuer.reset()
    return shared_issuer

"""Issuers: what their documents may say, and when they are asked."""

import asyncio
import logging
from typing import Any

import pytest

from bff.identity.issuers.issuers import Issuers
from bff.identity.issuers.metadata import may_ask, metadata_url, read_metadata
from bff.identity.issuers.remote import (
    COOLDOWN_SECONDS,
    FRESH_SECONDS,
    HOLD_SECONDS,
    WAIT_SECONDS,
    RemoteDocument,
    pause_after,
)
from bff.identity.issuers.requests import IssuerDown
from tests.support.fake_time import Clock, run_in_fake_time

ISSUER = "https://id.example"


@pytest.mark.parametrize(
    ("failures", "least", "most"),
    [(0, 240, 300), (1, 0.5, 1), (2, 1, 2), (3, 2, 4), (7, 30, 60), (10_000, 30, 60)],
)
def test_pauses_grow_with_failures_and_differ(failures: int, least: float, most: float) -> None:
    assert pause_after(failures, 0.0) == pytest.approx(least)
    assert pause_after(failures, 1.0) == pytest.approx(most)


@pytest.mark.parametrize("issuer", ["https://id.example", "https://id.example/"])
def test_metadata_is_below_the_issuer(issuer: str) -> None:
    assert metadata_url(issuer) == "https://id.example/.well-known/openid-configuration"


def test_metadata_gives_what_it_names_and_none_for_the_rest() -> None:
    found = read_metadata(
        ISSUER,
        {
            "issuer": ISSUER,
            "jwks_uri": "https://keys.example/jwks",
            "token_endpoint": "https://id.example/token",
            "code_challenge_methods_supported": ["S256", 7],
            "authorization_response_iss_parameter_supported": True,
            "unknown": {},
        },
    )
    assert found.jwks_uri == "https://keys.example/jwks"
    assert found.token_endpoint == "https://id.example/token"
    assert found.introspection_endpoint is None
    assert found.code_challenge_methods == {"S256"}
    assert found.names_issuer_in_callback


@pytest.mark.parametrize(
    ("document", "what"),
    [
        (None, "no object"),
        ([], "no object"),
        ({}, "another issuer"),
        ({"issuer": "https://id.example/"}, "another issuer"),
        ({"issuer": "https://ID.example"}, "another issuer"),
        ({"issuer": ISSUER, "jwks_uri": "http://id.example/jwks"}, "jwks_uri that is not safe"),
        ({"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"}, "jwks_uri that is not safe"),
        ({"issuer": ISSUER, "jwks_uri": 7}, "jwks_uri that is not safe"),
        ({"issuer": ISSUER, "token_endpoint": "http://127.0.0.1/"}, "token_endpoint that is"),
    ],
)
def test_metadata_that_is_not_the_issuers_own_or_not_safe_is_refused(
    document: Any, what: str
) -> None:
    with pytest.raises(IssuerDown, match=what):
        read_metadata(ISSUER, document)


@pytest.mark.parametrize(
    ("url", "issuer", "safe"),
    [
        ("https://other.example/jwks", ISSUER, True),
        ("http://127.0.0.1:9/jwks", "http://localhost:9", True),
        ("http://127.0.0.1:9/jwks", ISSUER, False),
        ("http://id.example/jwks", "http://localhost:9", False),
        ("https://user@id.example/jwks", ISSUER, False),
        ("https://id.example/jwks#x", ISSUER, False),
        ("https://id.example/ jwks", ISSUER, False),
        ("https://id.example:99999/", ISSUER, False),
        ("https:///jwks", ISSUER, False),
        ("https://id.example/" + "a" * 2048, ISSUER, False),
        ("HTTPS://id.example/ü", ISSUER, False),
    ],
)
def test_only_https_is_asked_or_this_machine_by_an_issuer_on_it(
    url: str, issuer: str, safe: bool
) -> None:
    assert may_ask(url, issuer) is safe


class Setup:
    """A document whose fetches the test ends, and a clock that it turns."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pending: list[asyncio.Future[str]] = []
        self.changes: list[str | None] = []
        self.document: RemoteDocument[str] = RemoteDocument(
            "the keys", self._fetch, clock=self.clock, jitter=lambda: 1.0,
            on_change=lambda before, after: self.changes.append(after),
        )  # fmt: skip

    async def _fetch(self, before: str | None) -> str:
        self.pending.append(asyncio.get_running_loop().create_future())
        return await self.pending[-1]

    async def look(self, after: float = 0.0) -> None:
        self.clock.now += after
        self.document.check()
        await asyncio.sleep(0)

    async def end(self, outcome: str | IssuerDown) -> None:
        future = self.pending.pop()
        if isinstance(outcome, str):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
        for _ in range(3):
            await asyncio.sleep(0)


def test_document_is_fetched_anew_ahead_of_its_age_and_read_meanwhile() -> None:
    async def run() -> None:
        setup = Setup()
        await setup.look()
        assert setup.document.value is None
        await setup.end("first")
        await setup.look(FRESH_SECONDS - 1)
        assert not setup.pending
        await setup.look(1)
        assert setup.document.value == "first"
        await setup.end("second")
        assert setup.document.value == "second"
        assert setup.changes == ["first", "second"]

    asyncio.run(run())


def test_last_good_document_holds_for_an_hour_while_the_issuer_is_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        setup = Setup()
        await setup.look()
        await setup.end("first")
        fetched_at = setup.clock.now
        tries = 0
        while setup.clock.now < fetched_at + HOLD_SECONDS - 60:
            await setup.look(60)
            if setup.pending:
                tries += 1
                await setup.end(IssuerDown("answered 500"))
        assert setup.document.value == "first"
        assert 40 < tries < 70
        await setup.look(60)
        assert setup.document.value is None
        assert setup.changes == ["first", None]
        await setup.end("again")
        assert setup.document.value == "again"

    asyncio.run(run())
    lines = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert lines == [
        "the keys: answered 500",  # once, however often
        "the keys: the last good copy has had its hour",
    ]


def test_all_who_miss_something_share_one_fetch_a_cooldown() -> None:
    async def run() -> None:
        setup = Setup()
        await setup.look()
        await setup.end("first")
        asking = [asyncio.ensure_future(setup.document.newer()) for _ in range(1000)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(setup.pending) == 1
        await setup.end("second")
        assert await asyncio.gather(*asking) == ["second"] * 1000
        setup.clock.now += COOLDOWN_SECONDS - 1
        assert [await setup.document.newer() for _ in range(1000)] == ["second"] * 1000
        assert not setup.pending
        setup.clock.now += 1
        asking = [asyncio.ensure_future(setup.document.newer())]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await setup.end("third")
        assert await asking[0] == "third"

    asyncio.run(run())


def test_wait_for_a_fetch_has_an_end_and_the_fetch_goes_on() -> None:
    async def run() -> None:
        setup, time = Setup(), asyncio.get_running_loop().time
        began = time()
        assert await setup.document.newer() is None
        assert time() - began == pytest.approx(WAIT_SECONDS)
        with pytest.raises(IssuerDown, match="the keys is not to be had"):
            await setup.document.get()
        await setup.end("first")
        assert await setup.document.get() == "first"

    run_in_fake_time(run())


def test_fetch_in_flight_ends_with_its_document() -> None:
    async def run() -> None:
        setup = Setup()
        await setup.look()
        await setup.document.close()
        assert setup.pending[0].cancelled()

    run_in_fake_time(run())


def test_document_is_held_once_for_all_that_use_it_and_goes_with_the_last() -> None:
    async def run() -> None:
        issuers = Issuers(jitter=lambda: 1.0)
        fetches = 0

        async def fetch(before: str | None) -> str:
            nonlocal fetches
            fetches += 1
            return "found"

        first = issuers.use("it", fetch)
        assert issuers.use("it", fetch) is first
        assert await first.get() == "found"
        await issuers.leave("it")
        assert issuers.use("it", fetch) is first
        await issuers.leave("it")
        await issuers.leave("it")
        again = issuers.use("it", fetch)
        assert again is not first
        assert await again.get() == "found"
        assert fetches == 2
        await issuers.close()

    asyncio.run(run())

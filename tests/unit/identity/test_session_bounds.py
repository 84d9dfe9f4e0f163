"""What a worker has under way for sessions is bounded, and ends when the worker does."""

import asyncio
import logging
from typing import Any

import pytest

from bff.identity.issuers.requests import IssuerDown
from bff.identity.sessions.refreshes import MOST_REFRESHES, Refreshes
from bff.identity.sessions.revocations import MOST_REVOCATIONS, Revocations
from bff.identity.sessions.session import Session
from bff.identity.sessions.store import LOCK_SECONDS, StoredSession
from bff.secret import Secret
from bff.telemetry.logs.repeats import Complaints
from tests.support.fake_time import run_in_fake_time

TOKEN = Secret("refresh")
ENDED = StoredSession(Session({"sub": "ada"}, Secret("a"), 0, 0, TOKEN, Secret("i"), 9, 9), "0")


class SilentStore:
    """A store in which every lock is somebody else's."""

    async def lock(self, handle: str, version: str, word: str) -> str:
        return "busy"


async def nothing(*_: Any) -> Any:
    raise AssertionError("nobody asks")


def refreshes() -> Refreshes:
    return Refreshes(
        SilentStore(),  # type: ignore[arg-type]
        ask=nothing,
        verify=nothing,
        give_back=lambda token: None,
        note_end=lambda session: None,
        count=lambda outcome: None,
        clock=lambda: 5.0,
        new_word=lambda: "word",
        complaints=Complaints(),
    )


def test_refreshes_under_way_are_bounded() -> None:
    async def test() -> None:
        worker = refreshes()
        calls = [
            asyncio.create_task(worker.renewed(str(number), ENDED))
            for number in range(MOST_REFRESHES)
        ]
        await asyncio.sleep(0)
        began_at = asyncio.get_running_loop().time()
        assert await worker.renewed("one more", ENDED) == "failed"
        assert asyncio.get_running_loop().time() == began_at  # at once
        await worker.close(0.0)
        await asyncio.gather(*calls, return_exceptions=True)

    run_in_fake_time(test())


def test_call_waits_for_another_worker_no_longer_than_that_may_take() -> None:
    async def test() -> None:
        began_at = asyncio.get_running_loop().time()
        assert await refreshes().renewed("one", ENDED) == "failed"
        assert asyncio.get_running_loop().time() - began_at <= LOCK_SECONDS + 1

    run_in_fake_time(test())


def test_worker_that_closes_waits_for_its_refreshes_and_no_longer() -> None:
    async def test() -> None:
        worker = refreshes()
        call = asyncio.create_task(worker.renewed("one", ENDED))
        await asyncio.sleep(0)
        await worker.close(2.0)
        await asyncio.gather(call, return_exceptions=True)
        assert call.done()

    run_in_fake_time(test())


def test_tokens_on_their_way_back_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "bff.identity.sessions")
    came: list[Secret] = []

    async def revoke(token: Secret) -> None:
        came.append(token)
        await asyncio.sleep(60)
        raise IssuerDown("answered 500")

    async def test() -> None:
        revocations = Revocations(revoke, Complaints())
        revocations.begin(None)
        for _ in range(MOST_REVOCATIONS + 1):
            revocations.begin(TOKEN)
        await revocations.close(1.0)
        assert len(came) == MOST_REVOCATIONS
        for _ in range(3):
            revocations.begin(TOKEN)
        await revocations.close(100.0)

    run_in_fake_time(test())
    assert [record.message for record in caplog.records] == [
        "a refresh token was not revoked: too many are on their way",
        "a refresh token was not revoked: the issuer answered 500",
    ]

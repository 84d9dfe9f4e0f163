"""Refreshes: one for all calls, in any worker, whatever happens meanwhile."""

import asyncio
import threading

import pytest

from bff.identity.sessions.store import StoredSession
from tests.support.cache.worker import eventually
from tests.support.identity.browser_sessions import (
    TOKEN_SECONDS,
    Worker,
    access_token,
    run_worker,
)
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.redis.server import RedisServer


def test_token_is_renewed_ahead_of_its_end_while_calls_go_on(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        before = access_token(await worker.sessions.find(session_id))
        issuer.token_gate = threading.Event()
        worker.clock.ahead = TOKEN_SECONDS - 10
        assert access_token(await worker.sessions.find(session_id)) == before
        issuer.token_gate.set()
        await eventually(lambda: issuer.refreshes == 1 and server.values(b"lock:") == [])
        assert access_token(await worker.sessions.find(session_id)) != before

    run_worker(test, issuer, server)
    assert issuer.refreshes == 1


def test_caller_that_leaves_amid_a_refresh_loses_nothing(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id, other_id = await worker.log_in(), await worker.log_in()
        others = access_token(await worker.sessions.find(other_id))
        issuer.token_gate = threading.Event()
        worker.clock.ahead = TOKEN_SECONDS
        call = asyncio.create_task(worker.sessions.find(session_id))
        await eventually(lambda: issuer.refreshes == 1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        issuer.token_gate.set()
        await eventually(lambda: issuer.refreshes == 1 and server.values(b"lock:") == [])
        found = access_token(await worker.sessions.find(session_id))
        assert issuer.refreshes == 1
        assert access_token(await worker.sessions.find(other_id)) not in (found, others)

    run_worker(test, issuer, server)


@pytest.mark.parametrize("answer", [(500, b""), (401, b'{"error":"invalid_client"}'), (200, b"{}")])
def test_refresh_that_fails_on_its_way_leaves_the_session(
    answer: tuple[int, bytes], issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        issuer.answer_token_with = answer
        worker.clock.ahead = TOKEN_SECONDS - 10
        assert isinstance(await worker.sessions.find(session_id), StoredSession)  # until its end
        await eventually(lambda: server.values(b"lock:") == [b"failed"])
        worker.clock.ahead = TOKEN_SECONDS
        found = await asyncio.gather(*(worker.sessions.find(session_id) for _ in range(20)))
        assert set(found) == {"failed"}
        assert issuer.refreshes <= 2  # one a second, however many ask
        issuer.answer_token_with = None
        server.forget(b"lock:")  # which is for a second of Redis' own
        assert isinstance(await worker.sessions.find(session_id), StoredSession)

    run_worker(test, issuer, server)


def test_refresh_that_the_issuer_refuses_ends_the_session(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        issuer.valid_refresh_tokens.clear()
        worker.clock.ahead = TOKEN_SECONDS
        assert await worker.sessions.find(session_id) == "ended"
        assert await worker.sessions.find(session_id) == "ended"
        assert worker.noted == [("logout", "ada", "ended by the issuer")]
        assert server.all_keys() == []

    run_worker(test, issuer, server)
    assert issuer.refreshes == 1


def test_refresh_brings_new_claims_of_the_same_subject_alone(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        worker.clock.ahead = TOKEN_SECONDS
        issuer.id_token_changes = {"roles": ["admin"], "sid": "another"}
        found = await worker.sessions.find(session_id)
        assert isinstance(found, StoredSession)
        assert found.session.claims["roles"] == ["admin"]
        assert found.session.issuers_sid == "first"  # by which the issuer logs out
        worker.clock.ahead = 2 * TOKEN_SECONDS
        issuer.id_token_changes = {"sub": "eve"}
        assert await worker.sessions.find(session_id) == "ended"

    issuer.sid = "first"
    run_worker(test, issuer, server)
    assert len(issuer.revocations) == 1  # what was somebody else's


def test_session_that_ends_amid_its_refresh_stays_ended(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        issuer.token_gate = threading.Event()
        worker.clock.ahead = TOKEN_SECONDS
        call = asyncio.create_task(worker.sessions.find(session_id))
        await eventually(lambda: issuer.refreshes == 1)
        assert await worker.sessions.end(session_id) is not None
        issuer.token_gate.set()
        assert await call == "ended"
        assert server.all_keys() == []

    run_worker(test, issuer, server)
    assert issuer.valid_refresh_tokens == set()  # the old one and the new one were given back


def test_worker_that_dies_with_the_lock_blocks_nobody_for_long(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        (key,) = (each for each in server.all_keys() if b"session:" in each)
        with server.client() as client:
            client.set(key.replace(b"session:", b"lock:"), "of the dead", px=300)
        worker.clock.ahead = TOKEN_SECONDS
        assert isinstance(await worker.sessions.find(session_id), StoredSession)

    run_worker(test, issuer, server)


def test_new_tokens_are_stored_though_redis_was_away_when_they_came(
    issuer: OidcIssuer, own_server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        issuer.token_gate = threading.Event()
        worker.clock.ahead = TOKEN_SECONDS
        call = asyncio.create_task(worker.sessions.find(session_id))
        await eventually(lambda: issuer.refreshes == 1)
        own_server.pause()
        issuer.token_gate.set()
        await eventually(lambda: len(issuer.valid_refresh_tokens) == 1)
        own_server.resume()
        assert isinstance(await call, StoredSession)

    run_worker(test, issuer, own_server)

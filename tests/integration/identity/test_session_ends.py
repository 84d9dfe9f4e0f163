"""How sessions end: by time, by keys, with Redis, by logouts here and at the issuer."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest
from redis.exceptions import ResponseError

from bff.identity.jwt.tokens import BadToken
from bff.identity.sessions.refreshes import Refreshed
from bff.identity.sessions.session import Session, SessionKeys, handle_of
from bff.identity.sessions.store import MOST_SESSIONS, SessionStore, StoredSession
from bff.redis.store import SharedStore, StoreDown
from bff.secret import Secret
from tests.support.identity.browser_sessions import (
    KEY,
    TOKEN_SECONDS,
    Worker,
    run_worker,
    worker_of,
)
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.redis.server import RedisServer
from tests.support.redis.topologies import Cluster

HOUR = 3600.0


def test_session_ends_when_it_is_idle_and_at_its_absolute_end(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        idle, used = await worker.log_in(), await worker.log_in()
        for minutes in range(20, 101, 20):
            worker.clock.ahead = minutes * 60
            assert isinstance(await worker.sessions.find(used), StoredSession)
        assert await worker.sessions.find(idle) == "ended"
        worker.clock.ahead = 2 * HOUR
        assert await worker.sessions.find(used) == "ended"

    issuer.access_seconds = 12 * HOUR
    run_worker(test, issuer, server, idle_seconds=1800.0, absolute_seconds=2 * HOUR)


@pytest.mark.parametrize("change", ["refresh_seconds", "gives_refresh_tokens"])
def test_session_ends_with_its_refresh_token(
    change: str, issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        worker.clock.ahead = 599
        assert isinstance(await worker.sessions.find(session_id), StoredSession)
        worker.clock.ahead = 601
        assert await worker.sessions.find(session_id) == "ended"

    issuer.access_seconds = 600
    setattr(issuer, change, {"refresh_seconds": 600, "gives_refresh_tokens": False}[change])
    issuer.answer_refreshes_with = (500, b"")
    run_worker(test, issuer, server)


def test_session_outlives_a_redis_that_is_full(issuer: OidcIssuer, server: RedisServer) -> None:
    """Whoever fills the cache shuts no session out."""

    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        with server.client() as client:
            client.config_set("maxmemory", 1)
            try:
                with pytest.raises(ResponseError, match="maxmemory"):
                    client.set("more", 1)
                assert isinstance(await worker.sessions.find(session_id), StoredSession)
                worker.clock.ahead = 1801
                assert await worker.sessions.find(session_id) == "ended"
            finally:
                client.config_set("maxmemory", 0)

    issuer.access_seconds = 12 * HOUR
    run_worker(test, issuer, server, idle_seconds=1800.0)


def test_keys_are_rotated_without_a_logout(issuer: OidcIssuer, server: RedisServer) -> None:
    new = Secret("another key of thirty-two characters")

    async def main() -> None:
        async with worker_of(issuer, server.url, keys=(KEY,)) as worker:
            session_id = await worker.log_in()
        async with worker_of(issuer, server.url, keys=(new, KEY)) as worker:
            assert isinstance(await worker.sessions.find(session_id), StoredSession)
            worker.clock.ahead = TOKEN_SECONDS
            assert isinstance(await worker.sessions.find(session_id), StoredSession)
        async with worker_of(issuer, server.url, keys=(new,)) as worker:
            assert isinstance(await worker.sessions.find(session_id), StoredSession)
        async with worker_of(issuer, server.url, keys=(KEY,)) as worker:
            assert await worker.sessions.find(session_id) == "ended"

    asyncio.run(main())


async def found_again(worker: Worker, session_id: str, within_seconds: float = 5.0) -> Refreshed:
    """The session, once the worker asks its store again."""
    async with asyncio.timeout(within_seconds):
        while True:
            with suppress(StoreDown):
                return await worker.sessions.find(session_id)
            await asyncio.sleep(0.01)


def test_store_that_is_away_logs_nobody_out_and_an_empty_one_does(
    issuer: OidcIssuer, own_server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        own_server.pause()
        with pytest.raises(StoreDown):
            await worker.sessions.find(session_id)
        own_server.resume()
        assert isinstance(await worker.sessions.find(session_id), StoredSession)
        own_server.stop()
        with pytest.raises(StoreDown):
            await worker.sessions.find(session_id)
        own_server.start()
        assert await found_again(worker, session_id) == "ended"

    run_worker(test, issuer, own_server)


def test_logout_gives_the_refresh_token_back_even_where_the_issuer_refuses_it(
    issuer: OidcIssuer, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        session = await worker.sessions.end(session_id)
        assert session is not None
        assert await worker.sessions.end(session_id) is None
        assert await worker.sessions.find(session_id) == "ended"
        assert server.all_keys() == []
        location = await worker.sessions.logout_url(session)
        assert location.startswith(f"{issuer.url}/end?id_token_hint=")
        assert "post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fbye" in location

    issuer.answer_revocation_with = (500, b"")
    run_worker(test, issuer, server, after_logout="/bye")
    assert [each["token_type_hint"] for each in issuer.revocations] == ["refresh_token"]
    assert "was not revoked: the issuer answered 500" in caplog.text


def test_logout_at_an_issuer_without_places_for_it_ends_the_session_here(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session = await worker.sessions.end(await worker.log_in())
        assert session is not None
        assert await worker.sessions.logout_url(session) == "http://127.0.0.1:8080/"

    issuer.metadata_changes = {"end_session_endpoint": None, "revocation_endpoint": None}
    run_worker(test, issuer, server)
    assert issuer.revocations == []


def test_logout_token_ends_the_sessions_that_fit_all_that_it_names(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        phone, laptop = await logged_in(worker, "phone"), await logged_in(worker, "laptop")
        for wrong in (
            {"sid": "other"},
            {"sub": "eve"},
            {"sid": "phone", "sub": "eve"},
            {"sid": "other", "sub": "ada"},
        ):
            assert await worker.sessions.end_by_token(issuer.logout_token(**wrong)) == 0
        assert await are_there(worker, phone, laptop) == [True, True]
        token = issuer.logout_token(sid="phone", sub="ada")
        assert await worker.sessions.end_by_token(token) == 1
        assert await are_there(worker, phone, laptop) == [False, True]
        phone = await logged_in(worker, "phone")
        assert await worker.sessions.end_by_token(token) is None  # a replay
        assert await are_there(worker, phone, laptop) == [True, True]
        assert await worker.sessions.end_by_token(issuer.logout_token(sub="ada")) == 2
        assert await are_there(worker, phone, laptop) == [False, False]

    async def logged_in(worker: Worker, sid: str) -> str:
        issuer.sid = sid
        return await worker.log_in()

    async def are_there(worker: Worker, *ids: str) -> list[bool]:
        return [isinstance(await worker.sessions.find(each), StoredSession) for each in ids]

    run_worker(test, issuer, server)


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"events": None},
        {"events": {"other": {}}},
        {"events": ["http://schemas.openid.net/event/backchannel-logout"]},
        {"nonce": "n"},
        {"jti": None},
        {"jti": 7},
        {"iat": None},
        {"exp": None},
        {"exp": int(time.time()) - 61},
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"sid": 7},
    ],
)
def test_logout_token_that_is_none_logs_nobody_out(
    changes: dict[str, Any], issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        with pytest.raises(BadToken):
            await worker.sessions.end_by_token(issuer.logout_token(**{"sub": "ada", **changes}))
        assert isinstance(await worker.sessions.find(session_id), StoredSession)

    run_worker(test, issuer, server)


def test_id_token_is_no_logout_token(issuer: OidcIssuer, server: RedisServer) -> None:
    async def test(worker: Worker) -> None:
        login = await worker.finish_login()
        with pytest.raises(BadToken):
            await worker.sessions.end_by_token(login.session.id_token.reveal())

    run_worker(test, issuer, server)


def test_sessions_are_in_one_slot_of_a_cluster(issuer: OidcIssuer) -> None:
    async def main() -> None:
        with Cluster() as cluster:
            async with worker_of(issuer, cluster.url) as worker:
                session_id = await worker.log_in()
                worker.clock.ahead = TOKEN_SECONDS
                assert isinstance(await worker.sessions.find(session_id), StoredSession)
                await worker.log_in()
                assert await worker.sessions.end(session_id) is not None
                worker.clock.ahead = 0
                token = issuer.logout_token(sub="ada")
                assert await worker.sessions.end_by_token(token) == 1

    asyncio.run(main())


def test_subject_with_many_sessions_loses_the_one_that_began_first(server: RedisServer) -> None:
    async def main() -> None:
        store = SharedStore(server.url, use="sessions", seconds=2.0)
        now = time.time()
        sessions = SessionStore(store, SessionKeys([KEY]), "n", 1800.0, lambda: now)
        handles = [handle_of(str(number)) for number in range(MOST_SESSIONS + 2)]
        for number, handle in enumerate(handles):
            await sessions.create(handle, session_until(now + HOUR + number))
        found = [await sessions.use(handle) is not None for handle in handles]
        assert found == [False, False] + [True] * MOST_SESSIONS
        with server.client() as client:
            (index,) = (each for each in server.all_keys() if b"sub:" in each)
            assert client.zcard(index) == MOST_SESSIONS
        await store.close()

    asyncio.run(main())


def test_who_writes_to_redis_prolongs_no_session(issuer: OidcIssuer, server: RedisServer) -> None:
    """The end that is sealed with a record is the one that holds."""

    async def test(worker: Worker) -> None:
        session_id = await worker.log_in()
        with server.client() as client:
            (key,) = (each for each in server.all_keys() if b"session:" in each)
            client.hset(key, mapping={"ends": "9e15", "seen": "9e15", "version": b"\xff"})
            client.persist(key)
        assert isinstance(await worker.sessions.find(session_id), StoredSession)
        worker.clock.ahead = 601
        with server.client() as client:
            client.hset(key, mapping={"ends": "9e15", "seen": "9e15"})
        assert await worker.sessions.find(session_id) == "ended"

    issuer.access_seconds = 600
    issuer.gives_refresh_tokens = False
    run_worker(test, issuer, server)


def session_until(latest_end: float) -> Session:
    secret = Secret("x")
    return Session(
        {"sub": "ada"}, secret, latest_end, latest_end, None, secret, latest_end, latest_end
    )

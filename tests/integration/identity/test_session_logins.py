"""Logins at a real issuer, with sessions in a real Redis."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bff.identity.issuers.requests import IssuerDown
from bff.identity.sessions.sessions import BadLogin
from bff.identity.sessions.store import StoredSession
from tests.support.identity.browser_sessions import (
    KEY,
    Worker,
    callback_of,
    run_worker,
)
from tests.support.identity.oidc_issuer import OidcIssuer
from tests.support.redis.server import RedisServer


def test_login_gives_a_session_of_a_new_name(issuer: OidcIssuer, server: RedisServer) -> None:
    async def test(worker: Worker) -> None:
        first = await worker.finish_login("/orders?page=2")
        assert first.return_to == "/orders?page=2"
        assert first.session.subject == "a@x@y"
        assert isinstance(await worker.sessions.find(first.session_id), StoredSession)
        second = await worker.finish_login("/", first.session_id)
        assert second.session_id != first.session_id
        assert await worker.sessions.find(first.session_id) == "ended"  # that of the same browser
        planted = "p" * 43
        third = await worker.finish_login("/", planted)
        assert third.session_id != planted
        assert await worker.sessions.find(planted) == "ended"
        assert isinstance(await worker.sessions.find(second.session_id), StoredSession)

    issuer.user = {"sub": "a@x@y"}
    run_worker(test, issuer, server)
    challenges = {each["code_challenge"] for each in issuer.authorizations}
    assert len(challenges) == 3
    assert all(len(each) == 43 for each in challenges)
    assert {each["code_challenge_method"] for each in issuer.authorizations} == {"S256"}
    assert {each["redirect_uri"] for each in issuer.authorizations} == {
        "http://127.0.0.1:8080/bff/callback"
    }


def test_redis_holds_no_token_no_claim_and_no_cookie(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        login = await worker.finish_login()
        session = login.session
        assert session.refresh_token is not None
        secrets = [
            login.session_id,
            session.access_token.reveal(),
            session.refresh_token.reveal(),
            session.id_token.reveal(),
            session.id_token.reveal().split(".")[1],
            "ada-of-the-claims",
            KEY.reveal(),
        ]
        with server.client() as client:
            held = [*server.all_keys(), *(client.dump(key) for key in server.all_keys())]
        assert len(held) == 6  # the session, and two indexes
        for secret in secrets:
            assert not any(secret.encode() in each for each in held), secret

    issuer.user = {"sub": "ada-of-the-claims"}
    run_worker(test, issuer, server)


async def other_browser(worker: Worker, login_key: str, query: dict[str, str]) -> tuple[Any, ...]:
    other = await worker.sessions.begin("/", None, None)
    return other.login_key, query["state"], query["code"], query["iss"]


async def no_cookie(worker: Worker, login_key: str, query: dict[str, str]) -> tuple[Any, ...]:
    return None, query["state"], query["code"], query["iss"]


async def no_state(worker: Worker, login_key: str, query: dict[str, str]) -> tuple[Any, ...]:
    return login_key, None, query["code"], query["iss"]


async def other_issuer(worker: Worker, login_key: str, query: dict[str, str]) -> tuple[Any, ...]:
    return login_key, query["state"], query["code"], "https://evil.example"


async def no_issuer(worker: Worker, login_key: str, query: dict[str, str]) -> tuple[Any, ...]:
    return login_key, query["state"], query["code"], None


async def code_of_another(worker: Worker, login_key: str, query: dict[str, str]) -> tuple[Any, ...]:
    """Login CSRF: the attacker's code in the victim's browser, whose verifier doesn't fit."""
    other = await worker.sessions.begin("/", login_key, None)
    code = (await callback_of(other.location))["code"]
    return login_key, query["state"], code, query["iss"]


async def used_code(worker: Worker, login_key: str, query: dict[str, str]) -> tuple[Any, ...]:
    await worker.sessions.finish(login_key, query["state"], query["code"], query["iss"])
    return login_key, query["state"], query["code"], query["iss"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (other_browser, "unknown_login"),
        (no_cookie, "unknown_login"),
        (no_state, "unknown_login"),
        (other_issuer, "other_issuer"),
        (no_issuer, "other_issuer"),
        (code_of_another, "code_refused"),
        (used_code, "code_refused"),
    ],
)
def test_callback_of_another_login_gives_no_session(
    change: Callable[..., Awaitable[Any]], word: str, issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        begun = await worker.sessions.begin("/", None, None)
        arguments = await change(worker, begun.login_key, await callback_of(begun.location))
        keys = server.all_keys()
        with pytest.raises(BadLogin, match=word):
            await worker.sessions.finish(*arguments)
        assert server.all_keys() == keys

    run_worker(test, issuer, server)


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": None},
        {"nonce": "x" * 43},
        {"nonce": 7},
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"exp": int(time.time()) - 61},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "s" * 256},
        {"sub": 7},
        {"sub": "\ud83d"},
        {"sid": {"x": 1}},
        {"aud": ["shop", "another"], "azp": "another"},
    ],
)
def test_id_token_that_is_not_of_this_login_gives_no_session(
    changes: dict[str, Any], issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        with pytest.raises(BadLogin, match="bad_id_token"):
            await worker.log_in()
        assert server.all_keys() == []

    issuer.id_token_changes = changes
    run_worker(test, issuer, server)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_id_token_without_a_key_of_the_issuers_gives_no_session(
    algorithm: str, issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        with pytest.raises(BadLogin, match="bad_id_token"):
            await worker.log_in()

    issuer.id_token_algorithm = algorithm
    run_worker(test, issuer, server)


@pytest.mark.parametrize(
    "answer", [(500, b""), (503, b"{}"), (401, b'{"error": "invalid_client"}'), (200, b"[]")]
)
def test_trouble_of_the_issuers_is_no_fault_of_the_login(
    answer: tuple[int, bytes], issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        with pytest.raises(IssuerDown):
            await worker.log_in()

    issuer.answer_token_with = answer
    run_worker(test, issuer, server)


def test_issuer_that_takes_its_secret_in_the_form_gets_it_there(
    issuer: OidcIssuer, server: RedisServer
) -> None:
    async def test(worker: Worker) -> None:
        await worker.log_in()

    issuer.metadata_changes = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    run_worker(test, issuer, server)
    assert issuer.token_requests[-1]["client_secret"] == issuer.client_secret


def test_issuer_that_signs_with_a_new_key_logs_in(issuer: OidcIssuer, server: RedisServer) -> None:
    async def test(worker: Worker) -> None:
        await worker.log_in()

    issuer.rotate_keys()
    run_worker(test, issuer, server)

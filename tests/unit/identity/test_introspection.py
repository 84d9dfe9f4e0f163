"""Introspection over a server on loopback: how long answers are kept, and what trouble does."""

import asyncio
import base64
import logging
from collections.abc import Awaitable
from urllib.parse import parse_qs

import pytest

from bff.identity.introspection.authenticator import (
    ASKED_AT_ONCE,
    LONGEST_TOKEN,
    REFUSED_SECONDS,
)
from bff.identity.memory import TokenMemory
from bff.identity.ports import Claims, Refusal
from tests.support.cache.worker import eventually
from tests.support.identity.introspection import NOW, PATH, Caller, active
from tests.support.identity.issuers import StandInIssuer, run


@pytest.fixture
def server(issuer: StandInIssuer) -> StandInIssuer:
    return issuer


def test_server_is_asked_as_rfc_7662_says_and_with_the_gateways_own_credentials(
    server: StandInIssuer,
) -> None:
    async def test() -> None:
        server.give(PATH, active())
        async with Caller(server) as caller:
            assert await caller.status("t0ken+/=") == 200
        ((method, path, headers, body),) = server.asked
        assert (method, path) == ("POST", PATH)
        assert headers["content-type"] == "application/x-www-form-urlencoded"
        assert headers["accept"] == "application/json"
        basic = headers["authorization"].removeprefix("Basic ")
        assert base64.b64decode(basic) == b"gate%20way:s3cret%2B"
        form = {"token": ["t0ken+/="], "token_type_hint": ["access_token"]}
        assert parse_qs(body.decode()) == form

    run(test)


def test_answer_is_kept_for_the_declared_time_and_no_longer_than_the_token(
    server: StandInIssuer,
) -> None:
    async def test() -> None:
        server.give(PATH, active(exp=NOW + 45))
        async with Caller(server) as caller:
            assert await caller.status("a") == 200
            first = caller.bring("a")
            assert isinstance(first, Claims)
            assert caller.bring("a") is first  # what follows from it is remembered
            caller.clock.now += 29.9
            assert isinstance(caller.bring("a"), Claims)
            assert caller.asked() == 1
            caller.clock.now += 0.1
            assert await caller.status("a") == 200
            assert caller.asked() == 2
            caller.clock.now += 15  # the token's end
            assert await caller.status("a") == 401
            assert caller.asked() == 3

    run(test)


def test_revoked_token_is_refused_when_the_answer_before_is_over(server: StandInIssuer) -> None:
    async def test() -> None:
        server.give(PATH, active(exp=...))
        async with Caller(server) as caller:
            assert await caller.status("a") == 200
            server.give(PATH, {"active": False})
            assert await caller.status("a") == 200
            caller.clock.now += 30
            assert await caller.status("a") == 401

    run(test)


def test_refusal_is_kept_for_a_moment(server: StandInIssuer) -> None:
    async def test() -> None:
        server.give(PATH, {"active": False})
        async with Caller(server) as caller:
            assert await caller.status("a") == 401
            refusal = caller.bring("a")
            assert isinstance(refusal, Refusal)
            assert (refusal.status, refusal.reason) == (401, "invalid_token")
            server.give(PATH, active())
            caller.clock.now += REFUSED_SECONDS
            assert await caller.status("a") == 200
            assert caller.asked() == 2

    run(test)


def test_one_question_answers_all_who_bring_the_token_and_who_leaves_ends_it_for_nobody(
    server: StandInIssuer,
) -> None:
    async def test() -> None:
        server.give(PATH, active())
        async with Caller(server) as caller:
            server.hold.clear()
            leaves = asyncio.create_task(caller.status("a"))
            others = [asyncio.create_task(caller.status("a")) for _ in range(50)]
            try:
                await eventually(lambda: caller.asked() == 1)
                leaves.cancel()
                await asyncio.sleep(0)
            finally:
                server.hold.set()
            assert await asyncio.gather(*others) == [200] * 50
            assert leaves.cancelled()
            assert caller.asked() == 1
            assert isinstance(caller.bring("a"), Claims)

    run(test)


def test_tokens_are_told_apart_to_the_character(server: StandInIssuer) -> None:
    async def test() -> None:
        server.give(PATH, active())
        async with Caller(server) as caller:
            for token in ("aB", "ab", "aB=", "aB."):
                assert await caller.status(token) == 200
            assert caller.asked() == 4

    run(test)


@pytest.mark.parametrize(
    "token", ["", "a b", "a,b", "é", "=", "a=b", "\ud800", "x" * (LONGEST_TOKEN + 1), "a\n"]
)
def test_text_that_is_no_token_is_refused_unasked(token: str, server: StandInIssuer) -> None:
    async def test() -> None:
        async with Caller(server) as caller:
            answer = caller.bring(token)
            assert isinstance(answer, Refusal)
            assert answer.status == 401
            assert not server.asked

    run(test)


TROUBLE = {
    "its own credentials refused": ((401, {}, b"<html>"), "own credentials were refused (401)"),
    "its own client forbidden": ((403, {}, b"{}"), "own credentials were refused (403)"),
    "an error": ((500, {}, b"<html>"), "answered 500"),
    "a limit": ((429, {}, b""), "answered 429"),
    "a redirect": ((302, {"location": "/x"}, b""), "answered 302"),
    "no JSON": ((200, {}, b"active"), "answered with no JSON"),
    "a member twice": (
        (200, {}, b'{"active":false,"active":true,"sub":"a"}'), "answered with no JSON",
    ),
    "deep": ((200, {}, b'{"active":true,"a":' + b"[" * 5000), "nested too deep"),
    "huge": ((200, {}, b" " * 300_000 + b"{}"), "answered with more than"),
    "a coding": ((200, {"content-encoding": "gzip"}, b"{}"), "a coding that nobody asked for"),
    "no verdict": ((200, {}, b'{"active":"true"}'), "without saying whether the token is active"),
}  # fmt: skip


@pytest.mark.parametrize("case", TROUBLE)
def test_trouble_with_the_server_is_503_with_retry_after_and_one_error_in_the_log(
    case: str, server: StandInIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    answer, why = TROUBLE[case]

    async def test() -> None:
        server.answers[PATH] = answer
        async with Caller(server) as caller:
            for token in ("a", "a", "b"):
                asking = caller.bring(token)
                assert isinstance(asking, Awaitable)
                found = await asking
                assert isinstance(found, Refusal)
                assert (found.status, found.reason) == (503, "identity_unavailable")
                assert found.headers == ((b"retry-after", b"1"),)

    run(test)
    (line,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert why in line.getMessage()
    assert line.getMessage().startswith(f"introspection at {server.url}: ")
    assert "s3cret" not in caplog.text


def test_server_that_fails_is_left_alone_for_a_pause_and_known_tokens_go_on(
    server: StandInIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        server.give(PATH, active())
        async with Caller(server) as caller:
            assert await caller.status("known") == 200
            server.give(PATH, {}, 500)
            for number in range(6):
                assert await caller.status(f"t{number}") == 503
            assert caller.asked() == 1 + 3
            assert await caller.status("known") == 200
            server.give(PATH, active())
            caller.pauses.now += 1
            assert await caller.status("t0") == 200
            assert await caller.status("t1") == 200

    run(test)
    said = [each.getMessage() for each in caplog.records]
    assert said == [
        f"introspection at {server.url}: answered 500",
        f"introspection at {server.url} works again",
    ]


def test_server_that_hangs_is_503_when_the_time_is_up(server: StandInIssuer) -> None:
    async def test() -> None:
        async with Caller(server, {"answer_seconds": 0.05}) as caller:
            server.hold.clear()
            try:
                assert await caller.status("a") == 503
            finally:
                server.hold.set()

    run(test)


def test_questions_are_bounded_and_more_are_503_at_once(server: StandInIssuer) -> None:
    async def test() -> None:
        server.give(PATH, active())
        async with Caller(server, {"waiting": 4, "answer_seconds": 15.0}) as caller:
            server.hold.clear()
            most = ASKED_AT_ONCE + 4
            asking = [asyncio.create_task(caller.status(f"t{number}")) for number in range(most)]
            try:
                await eventually(lambda: caller.asked() == ASKED_AT_ONCE)
                assert await caller.status("one-more") == 503
                assert caller.asked() == ASKED_AT_ONCE
            finally:
                server.hold.set()
            assert await asyncio.gather(*asking) == [200] * most
            assert await caller.status("one-more") == 200

    run(test)


def test_endpoint_is_found_in_the_issuers_metadata(server: StandInIssuer) -> None:
    async def test() -> None:
        server.give(PATH, active())
        metadata = {"issuer": server.url, "introspection_endpoint": f"{server.url}{PATH}"}
        server.give("/.well-known/openid-configuration", metadata)
        async with Caller(server, url=None) as caller:
            assert await caller.status("a") == 200

    run(test)


@pytest.mark.parametrize("metadata", [None, {}])
def test_issuer_without_metadata_or_without_an_endpoint_is_503(
    metadata: dict[str, str] | None, server: StandInIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        if metadata is not None:
            server.give("/.well-known/openid-configuration", {"issuer": server.url, **metadata})
        async with Caller(server, url=None) as caller:
            assert await caller.status("a") == 503

    run(test)
    assert f"introspection at {server.url}: " in caplog.text


def test_memory_holds_a_number_of_tokens_and_of_bytes() -> None:
    memory: TokenMemory[int] = TokenMemory(3, 10_000)
    for number in range(5):
        memory.remember(bytes([number]), number, 10.0)
    assert [memory.recall(bytes([number]), 9.9) for number in range(5)] == [None, None, 2, 3, 4]
    assert memory.recall(bytes([4]), 10.0) is None
    memory.remember(b"large", 7, 10.0, 8_000)
    assert [memory.recall(bytes([number]), 0) for number in (2, 3, 4)] == [None, None, None]
    assert memory.recall(b"large", 0) == 7
    memory.remember(b"large", 8, 10.0, 8_000)
    assert (memory.recall(b"large", 0), len(memory)) == (8, 1)


def test_flood_of_invented_tokens_pushes_out_no_good_one(server: StandInIssuer) -> None:
    async def test() -> None:
        async with Caller(server, {"memory": (2, 10_000)}) as caller:
            server.give(PATH, active())
            assert await caller.status("good") == 200
            server.give(PATH, {"active": False})
            for number in range(6):
                assert await caller.status(f"bad{number}") == 401
            assert [isinstance(caller.bring(f"bad{at}"), Refusal) for at in (4, 5)] == [True, True]
            assert isinstance(caller.bring("good"), Claims)

    run(test)

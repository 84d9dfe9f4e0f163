"""Tokens of issuers that publish their keys: rotation, outages, floods, and what is remembered."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bff.errors import SettingsError
from bff.identity.issuers.issuers import Issuers
from bff.identity.issuers.remote import COOLDOWN_SECONDS, FRESH_SECONDS, HOLD_SECONDS
from bff.identity.jwt.authenticator import (
    INVALID_TOKEN,
    NO_KEYS,
    REFUSED_SECONDS,
    JwtAuthenticator,
)
from bff.identity.memory import TokenMemory
from bff.identity.ports import Claims, Refusal
from bff.plan.model.jwt import PublishedKeys, SharedSecret, TokenIssuer
from bff.secret import Secret
from tests.support.fake_time import Clock
from tests.support.issuers import StandInIssuer, fetched, stand_in_issuer
from tests.support.tokens import NOW, SigningKey, claims, ec_key, hmac_token, rsa_key

REQUEST: Any = SimpleNamespace()


@pytest.fixture(scope="module")
def served() -> Iterator[StandInIssuer]:
    with stand_in_issuer() as found:
        yield found


@pytest.fixture
def issuer(served: StandInIssuer) -> StandInIssuer:
    served.asked.clear()
    served.answers.clear()
    served.hold.set()
    return served


class Setup:
    """An authenticator of one issuer, and a clock that the test turns."""

    def __init__(
        self, issuer: StandInIssuer, memory: TokenMemory[Any] | None, **members: Any
    ) -> None:
        self.issuer = issuer
        self.clock = Clock(NOW)
        self.documents = Issuers(clock=self.clock, jitter=lambda: 1.0)
        usual = TokenIssuer(
            issuer.url,
            frozenset({"shop"}),
            ("ES256", "RS256"),
            PublishedKeys(f"{issuer.url}/jwks.json"),
            leeway_seconds=5.0,
        )
        self.plan = replace(usual, **members)
        self.tokens = JwtAuthenticator((self.plan,), self.documents, self.clock, memory)

    def token(self, key: SigningKey, **members: Any) -> str:
        return key.sign(claims(**{"iss": self.issuer.url, **members}))

    async def ask(self, token: str) -> Claims | Refusal:
        answer = self.tokens.authenticate(token, REQUEST)
        return answer if isinstance(answer, Claims | Refusal) else await answer

    def ask_now(self, token: str) -> Claims | Refusal:
        """The answer, which takes no waiting."""
        answer = self.tokens.authenticate(token, REQUEST)
        assert isinstance(answer, Claims | Refusal)
        return answer

    async def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.documents.look()
        for document in list(self.documents._documents.values()):
            await fetched(document)

    def keys_asked(self) -> int:
        return self.issuer.count("/jwks.json")


@asynccontextmanager
async def opened(
    issuer: StandInIssuer, memory: TokenMemory[Any] | None = None, **members: Any
) -> AsyncIterator[Setup]:
    setup = Setup(issuer, memory, **members)
    await setup.tokens.open()
    await setup.pass_time(0)
    try:
        yield setup
    finally:
        await setup.tokens.close()
        await setup.documents.close()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def test_token_is_answered_at_once_and_remembered_as_the_same_claims(
    issuer: StandInIssuer,
) -> None:
    async def test() -> None:
        issuer.publish(ec_key().jwk())
        async with opened(issuer) as setup:
            token = setup.token(ec_key(), roles=["admin"])
            found = setup.ask_now(token)
            assert isinstance(found, Claims)
            assert (found.kind, found.issuer, found.subject) == ("token", issuer.url, "ann")
            assert found.claims["roles"] == ["admin"]
            assert found.until == NOW + 300
            assert found.token == Secret(token)
            assert token not in repr(found)
            assert setup.ask_now(token) is found
            assert setup.keys_asked() == 1

    run(test)


def test_remembered_token_is_not_verified_again_before_its_exp_and_is_after(
    issuer: StandInIssuer,
) -> None:
    """Claims that are the same object come from memory: what is verified gives new ones."""

    async def test() -> None:
        issuer.publish(ec_key().jwk())
        async with opened(issuer) as setup:
            token = setup.token(ec_key(), exp=NOW + 10)
            first = setup.ask_now(token)
            setup.clock.now = NOW + 9.9
            assert setup.ask_now(token) is first
            setup.clock.now = NOW + 14
            again = setup.ask_now(token)  # by the leeway, not by memory
            assert isinstance(again, Claims)
            assert again is not first
            setup.clock.now = NOW + 15
            assert setup.ask_now(token) == INVALID_TOKEN

    run(test)


def test_new_key_is_fetched_for_whoever_names_it_first_and_all_wait_for_one_fetch(
    issuer: StandInIssuer,
) -> None:
    async def test() -> None:
        issuer.publish(ec_key("old").jwk())
        async with opened(issuer) as setup:
            issuer.publish(ec_key("old").jwk(), rsa_key("new").jwk())
            tokens = [setup.token(rsa_key("new"), sub=f"s{each}") for each in range(50)]
            found = await asyncio.gather(*(setup.ask(each) for each in tokens))
            assert all(isinstance(each, Claims) for each in found)
            assert setup.keys_asked() == 2
            assert isinstance(setup.ask_now(setup.token(ec_key("old"))), Claims)

    run(test)


def test_client_that_leaves_ends_no_fetch_that_others_wait_for(issuer: StandInIssuer) -> None:
    async def test() -> None:
        issuer.publish(ec_key("old").jwk())
        async with opened(issuer) as setup:
            await setup.pass_time(COOLDOWN_SECONDS)
            issuer.publish(ec_key("new").jwk())
            issuer.hold.clear()
            first, second = (
                asyncio.ensure_future(setup.ask(setup.token(ec_key("new"), sub=sub)))
                for sub in ("ann", "bo")
            )
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.sleep(0)
            issuer.hold.set()
            assert isinstance(await second, Claims)
            assert first.cancelled()
            assert setup.keys_asked() == 2

    run(test)


def test_flood_of_unknown_keys_costs_one_fetch_a_cooldown_and_the_same_refusal(
    issuer: StandInIssuer,
) -> None:
    async def test() -> None:
        issuer.publish(ec_key().jwk())
        async with opened(issuer) as setup:
            await setup.pass_time(COOLDOWN_SECONDS)
            forged = [setup.token(ec_key(f"kid {each}")) for each in range(200)]
            found = await asyncio.gather(*(setup.ask(each) for each in forged))
            assert set(found) == {INVALID_TOKEN}
            assert setup.keys_asked() == 2
            assert [setup.ask_now(each) for each in forged] == [INVALID_TOKEN] * 200
            assert setup.keys_asked() == 2
            setup.clock.now += COOLDOWN_SECONDS
            assert await setup.ask(forged[0]) == INVALID_TOKEN
            assert setup.keys_asked() == 3

    run(test)


def test_what_a_key_verified_ends_when_it_leaves_the_set(issuer: StandInIssuer) -> None:
    async def test() -> None:
        issuer.publish(ec_key("old").jwk(), rsa_key("stays").jwk())
        async with opened(issuer) as setup:
            old, stays = (
                setup.token(key, exp=NOW + 900) for key in (ec_key("old"), rsa_key("stays"))
            )
            kept = setup.ask_now(stays)
            assert isinstance(setup.ask_now(old), Claims)
            issuer.publish(rsa_key("stays").jwk())
            await setup.pass_time(FRESH_SECONDS - 1)
            assert isinstance(setup.ask_now(old), Claims)
            await setup.pass_time(1)
            assert setup.ask_now(stays) is kept
            assert await setup.ask(old) == INVALID_TOKEN

    run(test)


def test_last_good_keys_hold_for_an_hour_while_the_issuer_is_down_and_then_nobody_knows(
    issuer: StandInIssuer,
) -> None:
    async def test() -> None:
        issuer.publish(ec_key().jwk())
        async with opened(issuer) as setup:
            token = setup.token(ec_key(), exp=NOW + 10 * HOLD_SECONDS)
            assert isinstance(setup.ask_now(token), Claims)
            issuer.give("/jwks.json", b"down", 500)
            await setup.pass_time(HOLD_SECONDS - 1)
            assert isinstance(setup.ask_now(token), Claims)
            await setup.pass_time(1)
            assert await setup.ask(token) == NO_KEYS
            issuer.publish(ec_key().jwk())
            await setup.pass_time(60)
            assert isinstance(setup.ask_now(token), Claims)

    run(test)


def test_issuer_that_is_down_at_the_start_gives_503_until_it_is_back(
    issuer: StandInIssuer,
) -> None:
    async def test() -> None:
        async with opened(issuer) as setup:
            token = setup.token(ec_key())
            assert await setup.ask(token) == NO_KEYS
            assert setup.ask_now(token) == NO_KEYS  # within the cooldown nobody waits
            assert dict(NO_KEYS.headers) == {b"retry-after": b"5"}
            assert setup.ask_now("a.b.c") == INVALID_TOKEN  # no keys could make that good
            issuer.publish(ec_key().jwk())
            await setup.pass_time(2)
            assert isinstance(setup.ask_now(token), Claims)

    run(test)


def test_keys_are_where_the_metadata_says(issuer: StandInIssuer) -> None:
    async def test() -> None:
        issuer.publish(ec_key().jwk())
        async with opened(issuer, keys=PublishedKeys(None)) as setup:
            assert isinstance(await setup.ask(setup.token(ec_key())), Claims)
            assert [each[1] for each in issuer.asked] == [
                "/.well-known/openid-configuration",
                "/jwks.json",
            ]

    run(test)


@pytest.mark.parametrize(
    "metadata", [{"issuer": "https://evil.example"}, {"jwks_uri": "http://10.0.0.1/"}, {}]
)
def test_metadata_of_another_or_without_safe_keys_gives_none(
    issuer: StandInIssuer, metadata: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        issuer.publish(ec_key().jwk())
        issuer.give("/.well-known/openid-configuration", {"issuer": issuer.url, **metadata})
        async with opened(issuer, keys=PublishedKeys(None)) as setup:
            assert await setup.ask(setup.token(ec_key())) == NO_KEYS
            assert setup.keys_asked() == 0

    run(test)
    assert "its metadata" in caplog.text


def test_bad_keys_of_a_set_are_named_in_one_line_and_once(
    issuer: StandInIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        issuer.publish(ec_key().jwk(), rsa_key().jwk(use="enc"), {"kty": "oct", "k": "canary"})
        async with opened(issuer) as setup:
            await setup.pass_time(FRESH_SECONDS)
            assert setup.keys_asked() == 2

    run(test)
    lines = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(lines) == 1
    assert "key 2 is not for signatures; key 3 is symmetric" in lines[0]
    assert "canary" not in caplog.text


def test_every_refusal_is_the_same_and_the_log_has_the_reason_at_debug(
    issuer: StandInIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        issuer.publish(ec_key().jwk())
        async with opened(issuer) as setup:
            good = setup.token(ec_key())
            bad = [
                "",
                "canary",
                good[:-6] + "canary",
                setup.token(ec_key(), exp=1),
                setup.token(ec_key(), aud="canary"),
                setup.token(ec_key(), iss="https://canary.example"),
                setup.token(rsa_key("canary")),
                "canary" * 2000,
                "canary\ud83d",
            ]
            assert {await setup.ask(each) for each in bad} == {INVALID_TOKEN}
            assert len(setup.tokens._memory) == 0

    with caplog.at_level(logging.DEBUG):
        run(test)
    assert "a token was refused: it has expired" in caplog.text
    assert "canary" not in caplog.text


def test_refused_token_is_remembered_for_seconds_and_costs_no_signature_check(
    issuer: StandInIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        issuer.publish(ec_key().jwk())
        async with opened(issuer) as setup:
            early = setup.token(ec_key(), nbf=NOW + 7)
            for _ in range(3):
                assert setup.ask_now(early) == INVALID_TOKEN
            assert caplog.text.count("by its nbf") == 1
            setup.clock.now += REFUSED_SECONDS
            assert isinstance(setup.ask_now(early), Claims)

    with caplog.at_level(logging.DEBUG):
        run(test)


def test_memory_of_tokens_is_bounded_and_forgets_the_oldest_first(issuer: StandInIssuer) -> None:
    async def test() -> None:
        issuer.publish(ec_key().jwk())
        async with opened(issuer, TokenMemory(2)) as setup:
            tokens = [setup.token(ec_key(), sub=f"s{each}") for each in range(3)]
            first, second, third = (setup.ask_now(each) for each in tokens)
            assert len(setup.tokens._memory) == 2
            assert setup.ask_now(tokens[1]) is second
            assert setup.ask_now(tokens[2]) is third
            again = setup.ask_now(tokens[0])
            assert again is not first
            assert isinstance(again, Claims)

    run(test)


def test_memory_counts_bytes_too() -> None:
    memory: TokenMemory[int] = TokenMemory(100, 10_000)
    for each in range(100):
        memory.remember(bytes([each]), each, 1.0, size=4000)
    assert len(memory) == 1
    memory.remember(b"x", 1, 1.0, size=20_000)
    assert memory.recall(b"x", 0.0) == 1
    assert memory.recall(b"x", 1.0) is None
    memory.remember(b"y", 1, 1.0)
    assert len(memory) == 1


def test_two_authenticators_share_a_set_and_the_last_ends_its_fetches(
    issuer: StandInIssuer,
) -> None:
    async def test() -> None:
        issuer.publish(ec_key().jwk())
        async with opened(issuer) as setup:
            other = JwtAuthenticator((setup.plan,), setup.documents, setup.clock)
            await other.open()
            assert setup.keys_asked() == 1
            await setup.tokens.close()
            await setup.tokens.close()  # the second closes nothing
            token = setup.token(ec_key())
            assert isinstance(setup.ask_now(token), Claims)  # of a request in flight
            assert isinstance(other.authenticate(token, REQUEST), Claims)
            await other.close()
            await setup.pass_time(FRESH_SECONDS)
            assert setup.keys_asked() == 1
            await setup.tokens.open()

    run(test)


SECRET = "a secret that is long enough for it"


def test_secret_needs_no_issuer_that_is_up(issuer: StandInIssuer) -> None:
    async def test() -> None:
        keys = SharedSecret(Secret(SECRET))
        async with opened(issuer, keys=keys, algorithms=("HS256",)) as setup:
            stated = claims(iss=issuer.url)
            assert isinstance(setup.ask_now(hmac_token(stated, SECRET.encode())), Claims)
            assert setup.ask_now(hmac_token(stated, b"")) == INVALID_TOKEN
            assert issuer.asked == []

    run(test)


def test_short_secret_opens_nothing_and_shows_nowhere(issuer: StandInIssuer) -> None:
    async def test() -> None:
        setup = Setup(
            issuer, None, keys=SharedSecret(Secret("canary")), algorithms=("HS256",)
        )  # fmt: skip
        with pytest.raises(SettingsError, match="is too short for HS256") as refused:
            await setup.tokens.open()
        assert "canary" not in str(refused.value)

    run(test)

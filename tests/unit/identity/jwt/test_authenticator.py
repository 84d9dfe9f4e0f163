"""Tokens of an issuer: what an answer has, what is remembered of it, and what a refusal shows."""

import logging

import pytest

from bff.errors import SettingsError
from bff.identity.issuers.remote import FRESH_SECONDS
from bff.identity.jwt.authenticator import INVALID_TOKEN, REFUSED_SECONDS, JwtAuthenticator
from bff.identity.memory import TokenMemory
from bff.identity.ports import Claims
from bff.plan.model.identity import SharedSecret
from bff.secret import Secret
from tests.support.identity.authenticators import REQUEST, AuthenticatorSetup, opened
from tests.support.identity.issuers import StandInIssuer, run
from tests.support.identity.tokens import NOW, claims, ec_key, hmac_token, rsa_key


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
        setup = AuthenticatorSetup(
            issuer, None, keys=SharedSecret(Secret("canary")), algorithms=("HS256",)
        )  # fmt: skip
        with pytest.raises(SettingsError, match="is too short for HS256") as refused:
            await setup.tokens.open()
        assert "canary" not in str(refused.value)

    run(test)

"""Keys that issuers publish: where they are, rotation, outages, floods of unknown ones."""

import asyncio
import logging

import pytest

from bff.identity.issuers.remote import COOLDOWN_SECONDS, FRESH_SECONDS, HOLD_SECONDS
from bff.identity.jwt.authenticator import INVALID_TOKEN, NO_KEYS
from bff.identity.ports import Claims
from bff.plan.model.identity import PublishedKeys
from tests.support.identity.authenticators import opened
from tests.support.identity.issuers import StandInIssuer, run
from tests.support.identity.tokens import NOW, ec_key, rsa_key


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

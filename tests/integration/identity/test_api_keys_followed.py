"""Authenticators of API keys follow their store: a file, or a real Redis, and their troubles."""

import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from bff.errors import SettingsError
from bff.identity.api_keys.authenticator import FRESH_SECONDS, HOLD_SECONDS, ApiKeys
from bff.identity.api_keys.changes import revoke_key, rotate_key
from bff.identity.api_keys.records import MOST_BYTES, ApiKeyError
from bff.identity.api_keys.stores import FileStore
from bff.identity.api_keys.texts import digest_of, new_key
from bff.identity.ports import Claims, Identity, Refusal
from bff.identity.provider import identity_of
from bff.plan.model.identity import NO_IDENTITY
from bff.redis.store import StoreDown
from tests.support.identity.api_keys import DAY, NOW, Follower, Open, key_for, redis_store, run
from tests.support.redis.server import RedisServer

REDIS_KEY = "bff:api_keys:{shop}"
UNKNOWN = (401, "The API key is unknown.")
MISTYPED = (401, "This is no API key of the gateway, or it is mistyped.")
UNASKED = (503, "The API key can't be verified now.")


def test_key_is_its_caller_until_it_is_revoked(open_store: Open) -> None:
    async def test() -> None:
        async with Follower(open_store()) as follower:
            key, add = key_for("partner-1")
            assert follower.status(key) == UNKNOWN
            await follower.store.update(add)
            await follower.keys.look()
            claims = follower.ask(key)
            assert isinstance(claims, Claims)
            assert (claims.kind, claims.subject, claims.issuer) == ("api_key", "partner-1", "")
            assert claims.claims == {"tenant": "acme"}
            assert (claims.roles, claims.scopes) == ({"partner"}, {"orders.read"})
            assert follower.ask(key) is claims
            await follower.keys.look()
            assert follower.ask(key) is claims  # what follows from it is remembered
            await follower.store.update(lambda table: revoke_key(table, "partner-1", NOW))
            await follower.keys.look()
            assert follower.status(key) == (401, "The API key was revoked.")

    run(test)


def test_key_ends_when_it_expires_whether_or_not_the_store_is_looked_at(open_store: Open) -> None:
    async def test() -> None:
        async with Follower(open_store()) as follower:
            key, add = key_for("partner-1", life=DAY)
            await follower.store.update(add)
            await follower.keys.look()
            claims = follower.ask(key)
            assert isinstance(claims, Claims)
            assert claims.until == (NOW + DAY).timestamp()
            follower.clock.now += DAY.total_seconds() - 1
            assert follower.status(key) == (200, "")
            follower.clock.now += 1
            assert follower.status(key) == (401, "The API key has expired.")

    run(test)


def test_both_secrets_of_a_rotated_key_are_one_caller_and_the_older_one_ends(
    open_store: Open,
) -> None:
    async def test() -> None:
        async with Follower(open_store()) as follower:
            old, add = key_for("partner-1")
            await follower.store.update(add)
            new = new_key(secrets.token_bytes)
            await follower.store.update(
                lambda table: rotate_key(
                    table, "partner-1", digest_of(new), grace=DAY, life=None, now=NOW
                )
            )
            await follower.keys.look()
            first, second = follower.ask(old), follower.ask(new)
            assert isinstance(first, Claims)
            assert isinstance(second, Claims)
            assert first.subject == second.subject
            one, other = identity_of(first, NO_IDENTITY), identity_of(second, NO_IDENTITY)
            assert isinstance(one, Identity)
            assert isinstance(other, Identity)
            assert (one.key, one.roles) == (other.key, other.roles)
            assert (first.until, second.until) == ((NOW + DAY).timestamp(), None)
            follower.clock.now += DAY.total_seconds()
            assert follower.status(old) == (401, "The API key has expired.")
            assert follower.status(new) == (200, "")

    run(test)


@pytest.mark.parametrize(
    "credential",
    ["", "x", "é" * 57, "bff_key_" + "0" * 49, "0" * 57, "bff_key_" + "\ud800" * 49, "k" * 10_000],
)
def test_text_that_no_key_can_be_is_refused_as_mistyped(credential: str, tmp_path: Path) -> None:
    async def test() -> None:
        async with Follower(FileStore(tmp_path / "keys.json")) as follower:
            follower.monotonic.now += HOLD_SECONDS + 1
            assert follower.status(credential) == MISTYPED

    run(test)


class Away(FileStore):
    """A store that can be cut off."""

    is_away = False

    async def read(self, seen: Any = None) -> Any:
        if self.is_away:
            raise StoreDown("away")
        return await super().read(seen)


def test_while_the_store_is_away_verified_keys_hold_for_a_minute_and_unknown_ones_are_503(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        store = Away(tmp_path / "keys.json")
        async with Follower(store) as follower:
            known, add = key_for("a")
            revoked, add_other = key_for("b")
            await store.update(add)
            await store.update(lambda table: revoke_key(add_other(table), "b", NOW))
            await follower.keys.look()
            store.is_away = True
            unknown = key_for("c")[0]
            follower.monotonic.now += FRESH_SECONDS + 0.1
            await follower.keys.look()
            assert follower.status(known) == (200, "")
            assert follower.status(unknown) == UNASKED
            assert follower.status(revoked)[0] == 401
            follower.monotonic.now += HOLD_SECONDS - FRESH_SECONDS - 0.1
            assert follower.status(known) == (200, "")
            follower.monotonic.now += 0.1
            assert follower.status(known) == UNASKED
            refusal = follower.ask(known)
            assert isinstance(refusal, Refusal)
            assert refusal.headers == ((b"retry-after", b"1"),)
            store.is_away = False
            await follower.keys.look()
            assert follower.status(known) == (200, "")
            assert follower.status(unknown) == UNKNOWN

    run(test)


def test_store_that_is_away_at_the_start_makes_every_key_503_until_it_answers(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        store = Away(tmp_path / "keys.json")
        key, add = key_for("a")
        await store.update(add)
        store.is_away = True
        async with Follower(store) as follower:
            assert follower.status(key) == UNASKED
            store.is_away = False
            await follower.keys.look()
            assert follower.status(key) == (200, "")

    run(test)


def test_redis_that_stops_answering_is_away_and_back_when_it_answers() -> None:
    async def test() -> None:
        with RedisServer() as own:
            async with Follower(redis_store(own, seconds=0.2)) as follower:
                key, add = key_for("a")
                await follower.store.update(add)
                await follower.keys.look()
                own.pause()
                follower.monotonic.now += FRESH_SECONDS + 0.1
                await follower.keys.look()
                assert follower.status(key) == (200, "")
                assert follower.status(key_for("b")[0]) == UNASKED
                with pytest.raises(StoreDown):
                    await follower.store.update(key_for("c")[1])
                own.resume()
                await follower.keys.look()
                assert follower.status(key_for("b")[0]) == UNKNOWN

    run(test)


def test_redis_that_is_emptied_admits_nobody(server: RedisServer) -> None:
    async def test() -> None:
        async with Follower(redis_store(server)) as follower:
            key, add = key_for("a")
            await follower.store.update(add)
            await follower.keys.look()
            server.empty()
            await follower.keys.look()
            assert follower.status(key) == UNKNOWN

    server.empty()
    run(test)


@pytest.mark.parametrize("planted", [b"", b"\x80\x04", b"[1]", b" " * (MOST_BYTES + 10)])
def test_what_somebody_planted_in_redis_is_an_error_in_the_log_once_and_the_keys_stay(
    planted: bytes, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with Follower(redis_store(server)) as follower:
            key, add = key_for("a")
            await follower.store.update(add)
            await follower.keys.look()
            with server.client() as client:
                client.hset(REDIS_KEY, mapping={"version": b"other", "keys": planted})
            for _ in range(3):
                await follower.keys.look()
            assert follower.status(key) == (200, "")
            with pytest.raises(ApiKeyError):
                await follower.store.update(key_for("b")[1])

    server.empty()
    run(test)
    (line,) = [each.getMessage() for each in caplog.records if "API keys" in each.getMessage()]
    assert line.startswith("API keys: the ones before stay: Redis, as shop h")


def test_file_that_breaks_or_grows_huge_leaves_the_last_good_keys_and_one_error_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        path = tmp_path / "keys.json"
        async with Follower(FileStore(path)) as follower:
            key, add = key_for("a")
            await follower.store.update(add)
            await follower.keys.look()
            good = path.read_bytes()
            for broken in (good[:-5], b"", b" " * (MOST_BYTES + 10)):
                path.write_bytes(broken)
                for _ in range(3):
                    await follower.keys.look()
                assert follower.status(key) == (200, "")
            path.chmod(0o644)
            for _ in range(3):
                await follower.keys.look()
            assert follower.status(key) == (200, "")
            path.chmod(0o600)
            path.write_bytes(good)
            await follower.store.update(lambda table: revoke_key(table, "a", NOW))
            await follower.keys.look()
            assert follower.status(key)[0] == 401

    run(test)
    whys = ["no JSON at line", "no JSON at line 1, column 1", "has over", "its mode is 0644"]
    lines = [each.getMessage() for each in caplog.records if "API keys" in each.getMessage()]
    assert len(lines) == len(whys)
    for line, why in zip(lines, whys, strict=True):
        assert line.startswith("API keys: the ones before stay: ")
        assert why in line


def test_file_that_is_deleted_admits_nobody(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "keys.json"
        async with Follower(FileStore(path)) as follower:
            key, add = key_for("a")
            await follower.store.update(add)
            await follower.keys.look()
            path.unlink()
            await follower.keys.look()
            assert follower.status(key) == UNKNOWN

    run(test)


def test_broken_file_at_the_start_starts_nothing_and_a_mended_one_does(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "keys.json"
        path.touch(0o600)
        keys = ApiKeys(FileStore(path), time.time, time.monotonic)
        for _ in range(2):
            with pytest.raises(SettingsError, match="no JSON at line 1, column 1"):
                await keys.open()
        path.unlink()
        await keys.open()
        await keys.close()

    run(test)

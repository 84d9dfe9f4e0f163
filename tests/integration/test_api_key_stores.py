"""API keys in a file and in a real Redis: stored, changed by several at once, and followed."""

import asyncio
import fcntl
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bff.errors import SettingsError
from bff.identity.api_keys.authenticator import FRESH_SECONDS, HOLD_SECONDS, ApiKeys
from bff.identity.api_keys.changes import add_key, revoke_key, rotate_key
from bff.identity.api_keys.records import MOST_BYTES, ApiKeyError, KeyTable, read_table
from bff.identity.api_keys.shared import RedisStore
from bff.identity.api_keys.stores import FileStore, KeyStore
from bff.identity.api_keys.texts import digest_of, new_key
from bff.identity.ports import Claims, Identity, Refusal
from bff.identity.provider import identity_of
from bff.plan.model.identity import NO_IDENTITY
from bff.redis.store import SharedStore, StoreDown
from bff.web.http.requests import GatewayRequest
from tests.support.fake_time import Clock
from tests.support.redis_server import RedisServer

NOW = datetime(2026, 11, 28, 14, tzinfo=UTC)
DAY = timedelta(days=1)
REDIS_KEY = "bff:api_keys:{shop}"

Open = Callable[[], KeyStore]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


_opened: list[SharedStore] = []  # in the test that runs


def redis_store(server: RedisServer, seconds: float = 2.0) -> RedisStore:
    _opened.append(SharedStore(server.url, use="API keys", seconds=seconds))
    return RedisStore(_opened[-1], "shop", secrets.token_bytes)


@pytest.fixture(params=["file", "redis"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path, server: RedisServer) -> Open:
    """Opens one store again and again; to be called on an event loop."""
    if request.param == "file":
        return lambda: FileStore(tmp_path / "keys.json")
    server.empty()
    return lambda: redis_store(server)


def key_for(id: str, **options: Any) -> tuple[str, Callable[[KeyTable], KeyTable]]:
    """A new key, and the change that adds it."""
    key = new_key(secrets.token_bytes)
    all_options: dict[str, Any] = {
        "roles": ["partner"], "scopes": ["orders.read"], "claims": {"tenant": "acme"},
        "life": None, "now": NOW, **options,
    }  # fmt: skip
    return key, lambda table: add_key(table, id, digest_of(key), **all_options)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        try:
            async with asyncio.timeout(30):
                await test()
        finally:
            while _opened:
                await _opened.pop().close()

    asyncio.run(bounded())


async def ids_in(store: KeyStore) -> list[str]:
    found = await store.read()
    return [each.id for each in read_table(found and found.text, store.name).keys]


class Follower:
    """An authenticator over a store, with clocks that the test turns. It looks when it is told
    to."""

    def __init__(self, store: KeyStore) -> None:
        self.store = store
        self.clock, self.monotonic = Clock(NOW.timestamp()), Clock()
        self.keys = ApiKeys(store, self.clock, self.monotonic)

    async def __aenter__(self) -> "Follower":
        await self.keys.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.keys.close()

    def ask(self, key: str) -> Claims | Refusal:
        return self.keys.authenticate(key, GatewayRequest("GET", "/", "", ()))

    def status(self, key: str) -> tuple[int, str]:
        answer = self.ask(key)
        return (200, "") if isinstance(answer, Claims) else (answer.status, answer.detail)


UNKNOWN = (401, "The API key is unknown.")
MISTYPED = (401, "This is no API key of the gateway, or it is mistyped.")
UNASKED = (503, "The API key can't be verified now.")


def test_store_that_nobody_wrote_holds_no_keys(open_store: Open) -> None:
    async def test() -> None:
        store = open_store()
        assert await ids_in(store) == []
        found = await store.read()
        assert found is not None
        assert await store.read(found.mark) is None

    run(test)


def test_what_one_adds_another_reads_and_what_did_not_change_is_not_read_again(
    open_store: Open,
) -> None:
    async def test() -> None:
        one, two = open_store(), open_store()
        empty = await two.read()
        await one.update(key_for("a")[1])
        assert empty is not None
        found = await two.read(empty.mark)
        assert found is not None
        assert [each.id for each in read_table(found.text, two.name).keys] == ["a"]
        assert await two.read(found.mark) is None
        await one.update(key_for("b")[1])
        assert await two.read(found.mark) is not None

    run(test)


def test_many_changes_at_once_are_all_made(open_store: Open) -> None:
    async def test() -> None:
        stores = [open_store() for _ in range(8)]
        await asyncio.gather(*(each.update(key_for(f"k{at}")[1]) for at, each in enumerate(stores)))
        assert sorted(await ids_in(stores[0])) == [f"k{at}" for at in range(8)]

    run(test)


def test_refused_change_leaves_the_keys_as_they_were(open_store: Open) -> None:
    async def test() -> None:
        store = open_store()
        await store.update(key_for("a")[1])
        with pytest.raises(ApiKeyError, match="There is a key 'a' already"):
            await store.update(key_for("a")[1])
        assert await ids_in(store) == ["a"]

    run(test)


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


def test_file_can_be_read_by_its_owner_alone_and_is_replaced_as_a_whole(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "keys.json"
        store = FileStore(path)
        before = os.umask(0)
        try:
            await store.update(key_for("a")[1])
            inode = path.stat().st_ino
            with path.open("rb") as held:
                await store.update(key_for("b")[1])
                assert held.read().count(b'"id"') == 1  # who reads sees the keys before
        finally:
            os.umask(before)
        assert path.stat().st_ino != inode
        assert path.stat().st_mode & 0o777 == 0o600
        assert sorted(os.listdir(tmp_path)) == ["keys.json", "keys.json.lock"]

    run(test)


def test_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "mounted").mkdir()
        link = tmp_path / "keys.json"
        link.symlink_to(tmp_path / "mounted" / "keys.json")
        await FileStore(link).update(key_for("a")[1])
        assert link.is_symlink()
        assert await ids_in(FileStore(tmp_path / "mounted" / "keys.json")) == ["a"]

    run(test)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_file_that_others_may_touch_is_refused_with_the_remedy(mode: int, tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "keys.json"
        store = FileStore(path)
        await store.update(key_for("a")[1])
        path.chmod(mode)
        message = f"its mode is {mode:04o}. Set it by `chmod 600 {path}`."
        with pytest.raises(ApiKeyError) as caught:
            await store.read()
        assert message in str(caught.value)
        with pytest.raises(ApiKeyError):
            await store.update(key_for("b")[1])
        with pytest.raises(SettingsError, match=r"^identity\.api_keys: .*chmod 600"):
            await ApiKeys(store, time.time, time.monotonic).open()

    run(test)


def test_folder_or_pipe_in_the_place_of_the_file_is_refused_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        os.mkfifo(tmp_path / "pipe", 0o600)
        for name, why in (("pipe", "is no file"), (".", "is no file")):
            with pytest.raises(ApiKeyError, match=why):
                await FileStore(tmp_path / name).read()
        with pytest.raises(ApiKeyError, match=r"nowhere/keys.json.lock can't be written: No such"):
            await FileStore(tmp_path / "nowhere" / "keys.json").update(key_for("a")[1])

    run(test)


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


def test_lock_that_another_command_holds_is_waited_for_and_then_reported(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        store = FileStore(tmp_path / "keys.json", lock_seconds=0.1)
        with (tmp_path / "keys.json.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(ApiKeyError, match=r"Another command has held .*keys.json.lock"):
                await store.update(key_for("a")[1])
        await store.update(key_for("a")[1])
        assert await ids_in(store) == ["a"]

    run(test)

"""Flask-Caching's other backends: our own bytes in them, shared where they share, and never a
pickle."""

import asyncio
import hashlib
import os
import pickle
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import flask_caching.backends
import pytest

from bff.cache.cache import Cache
from bff.cache.shared.backends import Backend, RedisBytes, open_backend
from bff.cache.shared.store import open_store
from bff.cache.shared.store_clients import StoreClient
from bff.errors import SettingsError
from bff.redis.clients import KEY_PREFIX, open_client
from tests.support.cache.payload_runs import Runs, payload
from tests.support.cache.worker import NAMESPACE, entry_bytes, job, small, tagged
from tests.support.redis.server import RedisServer

FAR_FUTURE = struct.pack("I", 2**32 - 1)  # how cachelib's files begin: when they end


@asynccontextmanager
async def opened(config: dict[str, Any]) -> AsyncIterator[Cache]:
    """A worker's cache over the backend."""
    cache = Cache(lambda **told: open_store(None, NAMESPACE, config, **told), dice=lambda: 0.0)
    try:
        yield cache
    finally:
        await cache.close()


def in_files(folder: Path) -> dict[str, Any]:
    return {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": str(folder)}


def file_of(folder: Path, key: str) -> Path:
    return folder / hashlib.sha256(key.encode()).hexdigest()


class Bomb:
    """What a pickle can do when somebody loads it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize(
    "name",
    [
        "FileSystemCache",
        "flask_caching.backends.FileSystemCache",
        "flask_caching.backends.filesystemcache.FileSystemCache",
    ],
)
def test_what_one_worker_made_is_a_hit_in_another_over_files(tmp_path: Path, name: str) -> None:
    async def test() -> None:
        config = in_files(tmp_path) | {"CACHE_TYPE": name}
        async with opened(config) as one, opened(config) as other:
            for number in range(3):
                body = b"[%d]" % number
                made = await one.get(job(f"k{number}", Runs(payload(body, tv=b"[9]"))))
                assert (made.how, made.stored) == ("miss", True)
        async with opened(config) as other:
            for number in range(3):
                runs = Runs()
                found = await other.get(job(f"k{number}", runs))
                assert (found.how, runs.count) == ("hit", 0)
                assert found.entry is not None
                assert (found.entry.body, found.entry.views) == (b"[%d]" % number, {"tv": b"[9]"})

    asyncio.run(test())


def test_files_hold_our_own_bytes_and_a_plain_count(tmp_path: Path) -> None:
    async def test() -> None:
        async with opened(in_files(tmp_path)) as cache:
            await cache.get(job("k", Runs()))

    asyncio.run(test())
    held = {path.name: path.read_bytes()[4:] for path in tmp_path.iterdir()}
    count = held.pop(file_of(tmp_path, "__wz_cache_count").name)
    assert count == b"1"
    assert [value[:4] for value in held.values()] == [b"bff\x03"]


def test_the_count_goes_on_when_a_second_worker_opens_the_folder(tmp_path: Path) -> None:
    async def test() -> None:
        config = in_files(tmp_path) | {"CACHE_THRESHOLD": 5}
        for number in range(12):
            async with opened(config) as cache:
                await cache.get(job(f"k{number}", Runs()))

    asyncio.run(test())
    assert len(list(tmp_path.iterdir())) <= 7  # the threshold, one that is new, the count


def plant_in_files(key: str, value: bytes, folder: Path, _: RedisServer) -> Backend:
    backend = open_backend(in_files(folder))
    file_of(folder, key).write_bytes(FAR_FUTURE + value)
    file_of(folder, "__wz_cache_count").write_bytes(FAR_FUTURE + value)
    return backend


def plant_in_memory(key: str, value: bytes, _: Path, __: RedisServer) -> Backend:
    backend = open_backend({"CACHE_TYPE": "SimpleCache"})
    backend.set(key, value, 60)
    return backend


def plant_in_null_cache(key: str, value: bytes, _: Path, __: RedisServer) -> Backend:
    backend = open_backend({"CACHE_TYPE": "NullCache"})
    backend.set(key, value, 60)
    return backend


def plant_in_redis(key: str, value: bytes, _: Path, server: RedisServer) -> Backend:
    client = open_client(server.url, seconds=5.0)
    client.set(f"{KEY_PREFIX}{key}", value)
    return RedisBytes(client)


PLANTERS = {
    "FileSystemCache": plant_in_files,
    "SimpleCache": plant_in_memory,
    "NullCache": plant_in_null_cache,
    "RedisCache": plant_in_redis,  # with BFF_REDIS_URL
}


@pytest.mark.parametrize("kind", PLANTERS)
def test_pickle_that_is_planted_in_a_backend_is_never_loaded(
    kind: str, tmp_path: Path, server: RedisServer
) -> None:
    target = tmp_path / "made by the pickle"
    bomb = pickle.dumps(Bomb(target))
    backend = PLANTERS[kind]("k", bomb, tmp_path / "cache", server)
    client = StoreClient(backend)

    entry, _ = client.read("k")
    assert entry is None
    client.write(small("k"), 60.0, time.time() + 60.0)
    entry, _ = client.read("k")
    assert (entry is None) == (kind == "NullCache")
    assert not target.exists()
    pickle.loads(bomb)
    assert target.exists()  # the pickle works


def test_every_other_backend_of_flask_caching_is_refused() -> None:
    for kind in set(flask_caching.backends.__all__) - set(PLANTERS):
        with pytest.raises(SettingsError):
            open_backend({"CACHE_TYPE": kind, "CACHE_MEMCACHED_SERVERS": ["127.0.0.1:1"]})


@pytest.mark.parametrize(
    "value",
    [
        b"",
        FAR_FUTURE,
        FAR_FUTURE + b"7",
        FAR_FUTURE + b"bff\x03",
        FAR_FUTURE + entry_bytes("other"),
    ],
    ids=["empty", "no-value", "a-number", "a-beginning", "another-key"],
)
def test_a_file_that_is_not_whole_and_ours_is_a_miss(
    tmp_path: Path, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with opened(in_files(tmp_path)) as cache:
            file_of(tmp_path, "k").write_bytes(value)
            runs = Runs()
            assert (await cache.get(job("k", runs))).how == "miss"
            assert runs.count == 1

    asyncio.run(test())
    assert not [record for record in caplog.records if "fails" in record.getMessage()]


def test_what_has_tags_is_not_kept_where_nobody_could_purge_it(tmp_path: Path) -> None:
    async def test() -> None:
        config = in_files(tmp_path)
        for _ in range(2):
            async with opened(config) as cache:
                for _ in range(2):
                    runs = Runs(tagged(["t"]))
                    assert (await cache.get(job("k", runs))).how == "miss"
                assert await cache.purge(["t"]) == 0

    asyncio.run(test())
    assert not file_of(tmp_path, "k").exists()


def test_a_folder_that_has_gone_is_trouble_like_any_other(tmp_path: Path) -> None:
    async def test() -> None:
        folder = tmp_path / "cache"
        async with opened(in_files(folder)) as cache:
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
            for number in range(8):
                runs = Runs()
                assert (await cache.get(job(f"k{number}", runs))).how == "miss"

    asyncio.run(test())


def test_simple_cache_serves_its_own_worker() -> None:
    async def test() -> None:
        async with opened({"CACHE_TYPE": "SimpleCache"}) as cache:
            assert (await cache.get(job("k", Runs()))).how == "miss"
            runs = Runs()
            assert (await cache.get(job("k", runs))).how == "hit"
            assert runs.count == 0

    asyncio.run(test())


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"CACHE_TYPE": "MemcachedCache"}, ("loads pickles", "BFF_REDIS_URL")),
        ({"CACHE_TYPE": "SASLMemcachedCache"}, ("loads pickles", "BFF_REDIS_URL")),
        ({"CACHE_TYPE": "SpreadSASLMemcachedCache"}, ("loads pickles", "BFF_REDIS_URL")),
        ({"CACHE_TYPE": "flask_caching.backends.MemcachedCache"}, ("loads pickles",)),
        ({"CACHE_TYPE": "flask_caching.backends.memcache.MemcachedCache"}, ("loads pickles",)),
        ({"CACHE_TYPE": "cachelib.MemcachedCache"}, ("loads pickles",)),
        ({"CACHE_TYPE": "cachelib.memcached.MemcachedCache"}, ("loads pickles",)),
        ({"CACHE_TYPE": "RedisCache"}, ("set BFF_REDIS_URL",)),
        ({"CACHE_TYPE": "cachelib.redis.RedisCache"}, ("set BFF_REDIS_URL",)),
        ({"CACHE_TYPE": "FileSistemCache"}, ("choose FileSystemCache",)),
        ({"CACHE_TYPE": "shop.caches.FileSystemCache"}, ("choose FileSystemCache",)),
        ({"CACHE_TYPE": "cachelib.MongoDbCache"}, ("may load pickles",)),
        ({"CACHE_TYPE": "FileSystemCache"}, ("CACHE_DIR",)),
        ({"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": "/proc/none"}, ("/proc/none",)),
        (
            {"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": "x", "CACHE_OPTIONS": {"mood": 1}},
            ("mood",),
        ),
    ],
    ids=lambda each: str(each.get("CACHE_TYPE")) if isinstance(each, dict) else "",
)
def test_backend_that_cannot_be_used_is_refused_with_the_reason_and_a_remedy(
    config: dict[str, Any], said: tuple[str, ...]
) -> None:
    with pytest.raises(SettingsError) as refused:
        open_store(None, NAMESPACE, config, purged=print, missed=print)

    text = str(refused.value)
    assert text.startswith(f"CACHE_TYPE {config['CACHE_TYPE']}: ")
    assert "\n" not in text
    for each in said:
        assert each in text

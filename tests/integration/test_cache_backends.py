"""Flask-Caching's other backends: our own bytes in them, shared where they share, and never a
pickle."""

import asyncio
import hashlib
import os
import pickle
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bff.cache.cache import Cache
from bff.cache.shared.opening import open_store
from bff.errors import SettingsError
from tests.support.cache_worker import entry_bytes, job, tagged
from tests.support.payload_runs import Runs, payload

FAR_FUTURE = struct.pack("I", 2**32 - 1)  # how cachelib's files begin: when they end


@asynccontextmanager
async def opened(config: dict[str, Any]) -> AsyncIterator[Cache]:
    """A worker's cache over the backend."""
    cache = Cache(lambda **told: open_store(None, config, **told), dice=lambda: 0.0)
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
    assert [value[:4] for value in held.values()] == [b"bff\x02"]


def test_the_count_goes_on_when_a_second_worker_opens_the_folder(tmp_path: Path) -> None:
    async def test() -> None:
        config = in_files(tmp_path) | {"CACHE_THRESHOLD": 5}
        for number in range(12):
            async with opened(config) as cache:
                await cache.get(job(f"k{number}", Runs()))

    asyncio.run(test())
    assert len(list(tmp_path.iterdir())) <= 7  # the threshold, one that is new, the count


def test_a_pickle_planted_in_a_file_is_never_loaded(tmp_path: Path) -> None:
    folder, target = tmp_path / "cache", tmp_path / "made by the pickle"
    bomb = pickle.dumps(Bomb(target))

    async def test() -> None:
        async with opened(in_files(folder)) as cache:
            file_of(folder, "k").write_bytes(FAR_FUTURE + bomb)
            file_of(folder, "__wz_cache_count").write_bytes(FAR_FUTURE + bomb)
            runs = Runs(payload(b"[1]"))
            made = await cache.get(job("k", runs))
            assert (made.how, made.stored, runs.count) == ("miss", True, 1)
        async with opened(in_files(folder)) as cache:
            found = await cache.get(job("k", Runs()))
            assert found.how == "hit"
            assert found.entry is not None
            assert found.entry.body == b"[1]"

    asyncio.run(test())
    assert not target.exists()
    pickle.loads(bomb)
    assert target.exists()  # it would have


@pytest.mark.parametrize(
    "value",
    [
        b"",
        FAR_FUTURE,
        FAR_FUTURE + b"7",
        FAR_FUTURE + b"bff\x02",
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
    ("config", "told"),
    [
        ({"CACHE_TYPE": "SpreadSASLMemcachedCache"}, ("pickles", "Choose another")),
        (
            {"CACHE_TYPE": "flask_caching.backends.SpreadSASLMemcachedCache"},
            ("pickles", "Choose another"),
        ),
        ({"CACHE_TYPE": "RedisCache"}, ("RedisCache", "BFF_REDIS_URL")),
        ({"CACHE_TYPE": "FileSistemCache"}, ("no attribute 'FileSistemCache'", "MemcachedCache")),
        ({"CACHE_TYPE": "no.such.Backend"}, ("No module named 'no'", "full path")),
        ({"CACHE_TYPE": "FileSystemCache", "CACHE_DIR": "/proc/none"}, ("/proc/none",)),
    ],
    ids=["pickles", "pickles-by-path", "redis", "misspelt", "no-module", "no-folder"],
)
def test_a_backend_that_cannot_be_used_is_told_at_the_start(
    config: dict[str, Any], told: tuple[str, ...]
) -> None:
    with pytest.raises(SettingsError) as refused:
        open_store(None, config)

    said = str(refused.value)
    assert said.startswith(f"CACHE_TYPE {config['CACHE_TYPE']}")
    assert "\n" not in said
    for each in told:
        assert each in said

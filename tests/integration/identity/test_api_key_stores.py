"""API keys in a file and in a real Redis: what is stored, and changed by several at once."""

import asyncio
import fcntl
import os
import time
from pathlib import Path

import pytest

from bff.errors import SettingsError
from bff.identity.api_keys.authenticator import ApiKeys
from bff.identity.api_keys.records import ApiKeyError, read_table
from bff.identity.api_keys.stores import FileStore
from tests.support.identity.api_keys import Open, ids_in, key_for, run


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

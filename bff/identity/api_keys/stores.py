"""The port of what keeps API keys, and the file that does.

Rules of the file:
1. Only its owner may read or write it: with a wider mode it isn't read.
2. It is replaced as a whole: a reader sees the keys before a change, or those after it.
3. Who changes it holds the lock of a file beside it, `<name>.lock`, which stays.
4. A file that isn't there holds no keys.
"""

import asyncio
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from bff.identity.api_keys.records import (
    MOST_BYTES,
    ApiKeyError,
    KeyTable,
    read_table,
    write_table,
)

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LOCK_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.02

Change = Callable[[KeyTable], KeyTable]
"""The keys after a change. It may be called several times. Raises `ApiKeyError`."""


class StoredText(NamedTuple):
    """The JSON text of the keys, None where nothing is stored, and a mark that another version of
    it would not have."""

    text: bytes | None
    mark: Any


class KeyStore(Protocol):
    """Keeps the keys of a project, for every worker."""

    name: str  # for people, and no secret: where the keys are

    async def read(self, seen: Any = None) -> StoredText | None:
        """The text; None where it still has the mark `seen`. Raises `ApiKeyError` where it may not
        be read, and `StoreDown` where the store can't be asked."""

    async def update(self, change: Change) -> None:
        """Change the keys as a whole: no change of another's is lost. Raises as `read` does, and
        what `change` raises."""


class FileStore:
    """Keys in a file. Who changes it waits `lock_seconds` at most for another who does."""

    def __init__(self, path: Path, lock_seconds: float = _LOCK_SECONDS) -> None:
        self.name = str(path)
        self._path = path
        self._lock_seconds = lock_seconds

    async def read(self, seen: Any = None) -> StoredText | None:
        """See `KeyStore.read`. A disk may be slow, so a thread reads."""
        return await asyncio.to_thread(self._read, seen)

    async def update(self, change: Change) -> None:
        """See `KeyStore.update`."""
        await asyncio.to_thread(self._update, change)

    def _read(self, seen: Any = None) -> StoredText | None:
        try:
            if seen is not None and _mark(os.stat(self._path)) == seen:
                return None
            # Not blocking, for what may be a pipe.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None if seen == _ABSENT else StoredText(None, _ABSENT)
        except OSError as error:
            raise ApiKeyError(f"{self.name} can't be read: {error.strerror}.") from None
        try:
            found = os.fstat(descriptor)
            self._refuse_wrong(found)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                text = file.read(MOST_BYTES + 1)
        finally:
            os.close(descriptor)
        return StoredText(text, _mark(found))

    def _refuse_wrong(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise ApiKeyError(f"{self.name} is no file.")
        if found.st_mode & _OTHERS:
            mode = stat.S_IMODE(found.st_mode)
            raise ApiKeyError(
                f"{self.name} may be read or written by others than its owner: its mode is"
                f" {mode:04o}. Set it by `chmod 600 {self.name}`."
            )

    def _update(self, change: Change) -> None:
        try:
            with self._locked():
                before = self._read()
                table = read_table(None if before is None else before.text, self.name)
                self._replace(write_table(change(table), self.name))
        except OSError as error:
            where = error.filename or self.name
            raise ApiKeyError(f"{where} can't be written: {error.strerror}.") from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self._path.with_name(f"{self._path.name}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            gives_up_at = time.monotonic() + self._lock_seconds
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if time.monotonic() > gives_up_at:
                    raise ApiKeyError(
                        f"Another command has held {path} for {self._lock_seconds:g} s. Try again"
                        " when it has ended."
                    )
                time.sleep(_RETRY_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def _replace(self, text: bytes) -> None:
        """Replace the file that the path leads to, links followed."""
        target = self._path.resolve()
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        with suppress(FileNotFoundError):
            draft.unlink()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                _keep_owner(descriptor, target)
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            os.rename(draft, target)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        folder = os.open(target.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


_ABSENT: Final = ()


def _mark(found: os.stat_result) -> tuple[int, ...]:
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,  # changes with the mode, too
    )


def _keep_owner(descriptor: int, target: Path) -> None:
    """The gateway's user, whose file it is, must be able to read what root wrote."""
    with suppress(FileNotFoundError):
        before = target.stat()
        if before.st_uid != os.geteuid():
            os.fchown(descriptor, before.st_uid, before.st_gid)

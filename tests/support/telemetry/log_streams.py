"""Streams for a log to write to: one that stalls, one that fails for a while, one that counts."""

import io
import os
import threading
from types import TracebackType
from typing import Any

from bff.web.http.requests import GatewayRequest
from tests.support.telemetry.log_lines import read_lines


class Recorder(io.RawIOBase):
    """Records what it is given, in pieces."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def lines(self) -> list[dict[str, Any]]:
        return read_lines(b"".join(self.pieces))

    def paths(self) -> list[str]:
        return [line["url.path"] for line in self.lines()]


class FailingRecorder(Recorder):
    """Fails like a full disk, a few bytes after its end, until `works` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.works = threading.Event()
        self.has_failed = threading.Event()

    def write(self, data: Any) -> int:
        if self.works.is_set():
            return super().write(data)
        if not self.has_failed.is_set():
            self.has_failed.set()
            return super().write(bytes(data)[:10])
        raise OSError(28, "No space left on device")


class StalledPipe:
    """A real pipe that nobody reads until `read_lines`."""

    def __enter__(self) -> "StalledPipe":
        read, write = os.pipe()
        self._reader = open(read, "rb")
        self.stream = io.FileIO(write, "wb")
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._reader.close()  # a thread that still writes gets EPIPE
        self.stream.close()

    def read_lines(self, until: str) -> list[dict[str, Any]]:
        """All lines up to the first of this kind."""
        lines = []
        for line in self._reader:
            lines += read_lines(line)
            if lines[-1]["event.dataset"] == f"bff.{until}":
                break
        return lines


def request(path: str) -> GatewayRequest:
    return GatewayRequest("GET", path, "", ())

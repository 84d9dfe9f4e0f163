"""The crowd: connections that are all open before the first request is sent on any of them.

Requests are GETs, sent within one turn of the event loop. Each answer has the time between sending
its request and having all of it, by this process's clock.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

_OPENED_AT_ONCE = 100  # fewer than any backlog
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request. `trouble` says why there is no whole reply; empty where there is
    one. `headers` have their names in lower case."""

    path: str
    seconds: float
    status: int = 0
    headers: dict[str, str] | None = None
    body: bytes = b""
    trouble: str = ""


class _Client(asyncio.Protocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._path = ""
        self._sent_at = 0.0
        self._received = bytearray()
        self._due = -1  # bytes in all, once the head is there

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, path: str) -> None:
        self._path = path
        self._sent_at = time.perf_counter()
        self.transport.write(f"GET {path} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())

    def give_up(self, trouble: str) -> None:
        if not self.answer.done():
            seconds = time.perf_counter() - self._sent_at
            self.answer.set_result(Answer(self._path, seconds, trouble=trouble))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._due < 0:
            end = self._received.find(_END)
            if end < 0:
                return
            self._status, self._headers = parse_head(bytes(self._received[:end]))
            self._due = end + len(_END) + int(self._headers.get("content-length", "0"))
        if len(self._received) >= self._due and not self.answer.done():
            seconds = time.perf_counter() - self._sent_at
            body = bytes(self._received[self._received.find(_END) + len(_END) :])
            self.answer.set_result(Answer(self._path, seconds, self._status, self._headers, body))

    def connection_lost(self, error: Exception | None) -> None:
        self.give_up(f"the connection broke: {error!r}" if error else "the connection was closed")


async def ask_at_once(port: int, paths: Sequence[str], within_seconds: float) -> list[Answer]:
    """The answers, in the order of `paths`, each asked on a connection of its own.

    Raises `OSError` when a connection can't be opened.
    """
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    try:
        for start in range(0, len(paths), _OPENED_AT_ONCE):
            opening = [
                loop.create_connection(_Client, "127.0.0.1", port)
                for _ in paths[start : start + _OPENED_AT_ONCE]
            ]
            clients += [client for _, client in await asyncio.gather(*opening)]
        for client, path in zip(clients, paths, strict=True):
            client.send(path)
        await asyncio.wait([client.answer for client in clients], timeout=within_seconds)
        for client in clients:
            client.give_up(f"no answer within {within_seconds:g} s")
        return [client.answer.result() for client in clients]
    finally:
        for client in clients:
            client.transport.abort()


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """The status and the headers of a reply's head, without the empty line at its end."""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(first.split(" ", 2)[1]), headers

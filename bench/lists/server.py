"""`python -m bench.lists.server PORT`: the upstream, which takes its time and counts.

GET /lists/<count>/<name>   the list, after the delay
GET /counts                 calls by path, and the most that were under way at the same moment

One process with one event loop: 30 µs of CPU a call, and as many connections as it may have files.
"""

import argparse
import asyncio
import json
from collections import Counter
from typing import cast

import uvloop

from bench.lists.documents import list_bytes

_BACKLOG = 4096
_END = b"\r\n\r\n"


class Counts:
    """What was asked since the start."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.under_way = 0
        self.most_under_way = 0

    def begin(self, path: str) -> None:
        """A call has come."""
        self.calls[path] += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)

    def end(self) -> None:
        """It was answered, or its caller has gone."""
        self.under_way -= 1


class Connection(asyncio.Protocol):
    """One caller's connection: one call after the other, without bodies."""

    def __init__(self, counts: Counts, delay_seconds: float) -> None:
        self._counts, self._delay_seconds = counts, delay_seconds
        self._received = b""
        self._answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None:
            self._answer.cancel()
            self._counts.end()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(_END)
        if not end:
            return
        self._received = rest
        path = head.split(b" ", 2)[1].decode("ascii")
        if path == "/counts":
            counts = {"calls": self._counts.calls, "most_at_once": self._counts.most_under_way}
            self._send(b"200 OK", json.dumps(counts).encode())
            return
        self._counts.begin(path)
        loop = asyncio.get_running_loop()
        self._answer = loop.call_later(self._delay_seconds, self._answer_list, path)

    def _answer_list(self, path: str) -> None:
        self._answer = None
        self._counts.end()
        match path.split("/"):
            case ["", "lists", count, name] if count.isdecimal():
                self._send(b"200 OK", list_bytes(int(count), name))
            case _:
                self._send(b"404 Not Found", b"{}")

    def _send(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.writelines([head % (status, len(body)), body])


async def serve(host: str, port: int, delay_seconds: float) -> None:
    """Serve until the process ends."""
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(counts, delay_seconds), host, port, backlog=_BACKLOG
    )
    await server.serve_forever()


def main() -> None:
    """The server as the command line asks for it."""
    parser = argparse.ArgumentParser(prog="python -m bench.lists.server")
    parser.add_argument("port", type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    asked = parser.parse_args()
    uvloop.run(serve(asked.host, asked.port, asked.delay))


if __name__ == "__main__":
    main()

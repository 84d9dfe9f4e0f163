"""The port for metrics: whom it answers, and that nobody holds it up."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from bff.cli.serving.metrics.server import MOST_CONNECTIONS, MetricsServer
from bff.telemetry.metrics.exposition import Rendition

TOKEN = "0123456789abcdef"
SECONDS = 20.0


class Server:
    """A server of metrics at a free port; it renders the rendition's name, times `size`."""

    def __init__(self, token: str | None = None, size: int = 1, seconds: float = SECONDS) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.size = size
        self._server = MetricsServer(
            self._render, token, head_seconds=seconds, answer_seconds=seconds
        )

    async def __aenter__(self) -> "Server":
        await self._server.start(self._listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _render(self, rendition: Rendition) -> bytes:
        return "-".join(rendition).encode() * self.size

    async def all_closed(self) -> None:
        """Wait until the server has no connection."""
        await self.has(0)

    async def has(self, connections: int) -> None:
        """Wait until the server has so many connections."""
        async with asyncio.timeout(SECONDS):
            while True:
                if self._server.connections == connections:
                    return
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def ask(self, request: str) -> tuple[int, dict[str, str], bytes]:
        """The status, headers and body that come of these bytes, up to the end."""
        async with asyncio.timeout(SECONDS), self.connect() as (reader, writer):
            writer.write(request.encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(first.split(" ")[1]), headers, body


def get(*lines: str, method: str = "GET", path: str = "/metrics") -> str:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: here", *lines, "", ""])


def test_metrics_come_in_the_form_that_is_asked_for() -> None:
    async def main() -> None:
        async with Server() as server:
            status, headers, body = await server.ask(get())
            assert (status, body) == (200, b"text-identity")
            assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert headers["content-length"] == "13"
            assert headers["connection"] == "close"
            accept = ("accept: application/openmetrics-text", "Accept-Encoding: gzip")
            _, headers, body = await server.ask(get(*accept))
            assert body == b"openmetrics-gzip"
            assert headers["content-encoding"] == "gzip"
            assert (await server.ask(get(path="/metrics?name=x")))[0] == 200
            status, headers, body = await server.ask(get(method="HEAD"))
            assert (status, headers["content-length"], body) == (200, "13", b"")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (get(path="/"), 404),
        (get(path="/metrics/"), 404),
        (get("Content-Length: 2", method="POST") + "{}", 405),
        ("GET /metrics\r\n\r\n", 400),
        ("GET /metrics HTTP/2.0\r\n\r\n", 400),
        ("GET  /metrics HTTP/1.1\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nno header\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\n folded: x\r\n\r\n", 400),
        ("\x16\x03\x01\r\n\r\n", 400),
    ],
)
def test_what_is_no_scrape_has_its_own_status(request_text: str, status: int) -> None:
    async def main() -> None:
        async with Server() as server:
            got, headers, body = await server.ask(request_text)
            assert (got, headers["content-type"]) == (status, "text/plain; charset=utf-8")
            assert b"identity" not in body
            assert headers.get("allow") == ("GET, HEAD" if status == 405 else None)

    asyncio.run(main())


def test_token_is_wanted_where_one_is_set() -> None:
    async def main() -> None:
        async with Server(TOKEN) as server:
            for wrong in ([], [f"Authorization: Basic {TOKEN}"], ["Authorization: Bearer x"],
                          [f"Authorization: Bearer {TOKEN}"] * 2):  # fmt: skip
                status, headers, body = await server.ask(get(*wrong))
                assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="metrics"')
                assert b"identity" not in body
            assert (await server.ask(get(f"authorization: bearer  {TOKEN}")))[0] == 200

    asyncio.run(main())


def test_head_that_never_ends_gets_no_answer() -> None:
    async def main() -> None:
        async with Server() as server, server.connect() as (reader, writer):
            writer.write(b"GET /metrics HTTP/1.1\r\nx: " + b"x" * 9000)
            async with asyncio.timeout(SECONDS):
                assert await reader.read() == b""

    asyncio.run(main())


@pytest.mark.parametrize("byte", [b"", b"x"])
def test_head_that_comes_too_slowly_gets_no_answer(byte: bytes) -> None:
    async def main() -> None:
        async with Server(seconds=0.05) as server, server.connect() as (reader, writer):
            reading = asyncio.create_task(reader.read())
            while not reading.done():
                writer.write(byte)
                await asyncio.sleep(0.005)
            with suppress(ConnectionError):
                assert await reading == b""

    asyncio.run(main())


def test_answer_that_is_not_read_in_time_breaks_off() -> None:
    async def main() -> None:
        async with Server(size=1_000_000, seconds=0.05) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
            writer.write(get().encode())
            assert await reader.readexactly(8) == b"HTTP/1.1"
            await server.all_closed()
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(13_000_000)
            writer.close()

    asyncio.run(main())


def test_clients_that_hang_or_trickle_hold_up_nobody() -> None:
    """Four times as many as may be connected."""

    async def main() -> None:
        async with Server() as server:
            held = []
            for number in range(4 * MOST_CONNECTIONS):
                streams = await asyncio.open_connection("127.0.0.1", server.port)
                held.append(streams)
                if number % 2:
                    streams[1].write(b"GET /metrics HTTP/1.1\r\nx")
                status, _, body = await server.ask(get())
                assert (status, body) == (200, b"text-identity")
            async with asyncio.timeout(SECONDS / 2):  # before their own time is over
                for reader, _ in held[:-MOST_CONNECTIONS]:
                    with suppress(ConnectionError):
                        assert await reader.read() == b""
            for _, writer in held:
                writer.close()

    asyncio.run(main())


def test_number_of_answers_under_way_has_a_bound() -> None:
    """Clients that read nothing keep their places until their time is over."""

    async def main() -> None:
        async with Server(size=1_000_000) as server:
            held = []
            for _ in range(MOST_CONNECTIONS):
                streams = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
                streams[1].write(get().encode())
                assert await streams[0].readexactly(8) == b"HTTP/1.1"
                held.append(streams)
            async with server.connect() as (reader, writer):
                writer.write(get().encode())
                with pytest.raises(ConnectionError):
                    await reader.readexactly(1)
            held.pop()[1].transport.abort()
            async with asyncio.timeout(SECONDS):
                while True:
                    async with server.connect() as (reader, writer):
                        writer.write(get().encode())
                        try:
                            assert await reader.readexactly(8) == b"HTTP/1.1"
                            break
                        except (ConnectionError, asyncio.IncompleteReadError):
                            continue
            for _, writer in held:
                writer.transport.abort()

    asyncio.run(main())


def test_end_with_connections_that_are_open_reports_no_error() -> None:
    reported = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
        async with Server() as server, server.connect() as (_, writer):
            writer.write(b"GET /metr")
            await server.has(1)

    asyncio.run(main())
    assert reported == []

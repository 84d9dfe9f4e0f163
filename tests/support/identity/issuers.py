"""An issuer on loopback whose answers the test sets."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bff.identity.issuers.remote import RemoteDocument


class StandInIssuer:
    """`answers` are status, headers and body by path; `asked` are the requests that came."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.hold = threading.Event()  # answers wait until it is set
        self.hold.set()

    def reset(self) -> None:
        """Forget what was asked, and every answer."""
        self.asked.clear()
        self.answers.clear()
        self.hold.set()

    def give(self, path: str, document: Any, status: int = 200, **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answers[path] = (status, headers, body)

    def publish(self, *keys: dict[str, Any]) -> None:
        """Publish a key set, and metadata that names it."""
        self.give("/jwks.json", {"keys": keys})
        self.give(
            "/.well-known/openid-configuration",
            {"issuer": self.url, "jwks_uri": f"{self.url}/jwks.json"},
        )

    def count(self, path: str) -> int:
        return sum(each[1] == path for each in self.asked)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # who connects in a crowd is not reset

    def handle_error(self, *args: object) -> None:
        """A client that left is what some tests are about."""


@contextmanager
def stand_in_issuer() -> Iterator[StandInIssuer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            issuer.asked.append((self.command, self.path, headers, body))
            issuer.hold.wait(10)
            status, extra, answer = issuer.answers.get(self.path, (404, {}, b"{}"))
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    issuer = StandInIssuer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        issuer.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


async def fetched(document: RemoteDocument[Any]) -> None:
    """Wait for the fetch in flight."""
    while document._task is not None:
        await asyncio.wait({document._task})


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's own coroutine, which has 20 seconds."""

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(bounded())

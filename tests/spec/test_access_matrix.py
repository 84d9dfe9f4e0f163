"""Every kind of caller asks for every kind of endpoint, by every method, in every host, whatever
memory holds: each gets what the oracle says, and nobody another's."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path

import pytest
from flask import Flask

from bff import Gateway, create_asgi
from bff.environment import Environment
from bff.plan.compiler.project import compile_project
from bff.settings import Settings
from bff.web import gateway as core
from bff.web.applications import create_server
from tests.support.access_matrix import (
    COMPOSITIONS,
    ENDPOINTS,
    GATEWAY,
    METHODS,
    NAMES,
    OWNER,
    SCHEMAS,
    SERVICES,
    STATES,
    Ask,
    Caller,
    Cell,
    Matrix,
)
from tests.support.hosts import HOSTS, Answer, Header
from tests.support.owner_service import OwnerService
from tests.support.projects import write_project
from tests.support.tokens import NOW, SECRET, claims, hmac_token

_, BO, SAM, KEY, EVE = NAMES
SETTINGS = Settings(log_level="error", admin_token="0123456789abcdef0123")


class Clock:
    """Seconds since the epoch, as a test turns them."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def bearer(sub: str, secret: str = SECRET, **members: object) -> tuple[Header, ...]:
    token = hmac_token(claims(**{"sub": sub, "exp": NOW + 10**7, **members}), secret.encode())
    return (("Authorization", f"Bearer {token}"),)


SPOOFED = (
    ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-User", OWNER), ("X-Forwarded-Proto", "https"),
    ("X-User", OWNER), ("X_User", OWNER), ("X-Real-IP", "127.0.0.1"),
    ("Forwarded", "for=127.0.0.1"),
    ("X-Original-URL", "/open/1"), ("X-Rewrite-URL", "/open/1"), ("X-HTTP-Method-Override", "GET"),
    ("User-Agent", "kube-probe/1.31"), ("X-Authenticated-User", OWNER), ("Remote-User", OWNER),
)  # fmt: skip
CALLERS = (
    Caller("nobody"),
    Caller("of a wrong issuer", bearer(EVE, iss="https://evil.example"), refusal=401),
    Caller("expired", bearer(EVE, exp=NOW - 3600), refusal=401),
    Caller("of a wrong audience", bearer(EVE, aud="bank"), refusal=401),
    Caller("of a wrong secret", bearer(EVE, "f" * 72), refusal=401),
    Caller("with claims of another type", bearer(EVE, roles="support"), refusal=401),
    Caller("right user", bearer(OWNER), OWNER),
    Caller("other user", bearer(BO), BO),
    Caller("of a role", bearer(SAM, roles=["support"]), SAM, frozenset({"support"})),
    Caller("behind a forged proxy", SPOOFED),
    Caller("right user behind a forged proxy", (*bearer(BO), *SPOOFED), BO),
    Caller("with Basic", (("Authorization", "Basic YW5uOmFubg=="),)),
)


def flask_app(folder: Path, clock: Callable[[], float]) -> Flask:
    """An app with a view of its own, and a gateway whose clock a test turns."""
    app = Flask("matrix", static_folder=None)
    app.add_url_rule("/hello", "hello", lambda: {"hello": "world"})
    project = compile_project(folder, Environment({"HS": SECRET}, None))
    Gateway().attach(app, core.Gateway(project, SETTINGS, clock=clock))
    return app


@asynccontextmanager
async def edge_door(app: Flask) -> AsyncIterator[Ask]:
    edge = create_asgi(app=app)
    events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    sent: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    life = asyncio.create_task(edge({"type": "lifespan"}, events.get, sent.put))
    await events.put({"type": "lifespan.startup"})
    assert (await sent.get())["type"] == "lifespan.startup.complete"

    async def ask(method: str, target: str, headers: list[Header]) -> Answer:
        path, _, query = target.partition("?")
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [
                (b"host", b"gateway.example"),
                *((name.lower().encode(), value.encode()) for name, value in headers),
            ],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
        }  # fmt: skip
        messages: list[dict[str, object]] = []
        body = iter([{"type": "http.request", "body": b""}])

        async def receive() -> dict[str, object]:
            found = next(body, None)
            return found or await asyncio.Future()  # the client stays

        async def send(message: dict[str, object]) -> None:
            messages.append(message)

        await edge(scope, receive, send)
        head, *bodies = messages
        pairs = [(name.decode(), value.decode("latin-1")) for name, value in head["headers"]]
        return Answer(head["status"], pairs, b"".join(each["body"] for each in bodies))

    try:
        yield ask
    finally:
        await events.put({"type": "lifespan.shutdown"})
        await life


@asynccontextmanager
async def http1_door(app: Flask) -> AsyncIterator[Ask]:
    server = create_server(app=app)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    await server.start(sock=listener)

    async def ask(method: str, target: str, headers: list[Header]) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [f"{name}: {value}\r\n" for name, value in headers]
        length = "Content-Length: 0\r\n" if method in ("POST", "QUERY") else ""
        closing = "" if any(name == "Upgrade" for name, _ in headers) else "Connection: close\r\n"
        head = f"{method} {target} HTTP/1.1\r\nHost: a\r\n{closing}{length}{''.join(lines)}\r\n"
        writer.write(head.encode())
        try:
            raw = await reader.readuntil(b"\r\n\r\n")
            first, *rest = raw.decode("latin-1").split("\r\n")[:-2]
            status = int(first.split(" ")[1])
            pairs = (each.partition(":") for each in rest)
            found = [(name.lower(), value.strip()) for name, _, value in pairs]
            body = await (reader.read(64) if status == 101 else reader.read())
        finally:
            writer.close()
        return Answer(status, found, body)

    try:
        yield ask
    finally:
        await server.close(1.0)


@asynccontextmanager
async def flask_door(app: Flask) -> AsyncIterator[Ask]:
    def call(method: str, target: str, headers: list[Header]) -> Answer:
        with app.test_client() as client:
            reply = client.open(target, method=method, headers=headers)
            pairs = [(name.lower(), value) for name, value in reply.headers]
            return Answer(reply.status_code, pairs, reply.data)

    async def ask(method: str, target: str, headers: list[Header]) -> Answer:
        return await asyncio.to_thread(call, method, target, headers)

    try:
        yield ask
    finally:
        await asyncio.to_thread(app.extensions["bff"].close)


DOORS = {"edge": edge_door, "http1": http1_door, "flask": flask_door}


def matrix_project(folder: Path, service: OwnerService) -> Path:
    services = {name: text.format(url=service.url) for name, text in SERVICES.items()}
    return write_project(
        folder, COMPOSITIONS, services=services, schemas={"owner": SCHEMAS}, gateway=GATEWAY
    )


@pytest.mark.parametrize("name", HOSTS)
def test_each_caller_gets_what_is_theirs_and_nothing_else(name: str, tmp_path: Path) -> None:
    async def main() -> Matrix:
        clock = Clock()
        async with OwnerService() as service:
            app = flask_app(matrix_project(tmp_path, service), clock)
            async with DOORS[name](app) as ask:
                matrix = Matrix(
                    ask, service, CALLERS, clock.advance, has_websockets=name == "http1"
                )
                assert await matrix.differences(cells) == []
                return matrix

    cells = [
        Cell(caller, endpoint, method, state)
        for state, endpoint, method, caller in product(STATES, ENDPOINTS, METHODS, CALLERS)
    ]
    matrix = asyncio.run(main())
    assert matrix.seen == {*STATES}, "the states are those that they are called"

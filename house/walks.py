"""Three requests through the ASGI edge, and the files of `bff` that each enters.

Only the loop's thread is traced, and nothing of the start.
"""

import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

import bff
from bff.settings import Settings

_ROOT = str(Path(bff.__file__).parent) + "/"

_PROJECT = {
    "gateway.yaml": "defaults: {access: public}\nroutes: {/raw: {service: shop, strip: true}}\n",
    "schemas/shop.py": """
from pydantic import BaseModel

class User(BaseModel):
    id: int
    name: str

class Order(BaseModel):
    id: int
    product_id: int
""",
    "services/shop.yaml": """
base: %s
operations:
  get_user:
    request: GET /users/{id}
    params: {id: {type: integer}}
    returns: schemas.shop:User
  list_orders:
    request: GET /orders
    params: {user_id: {type: integer}}
    returns: list[schemas.shop:Order]
""",
    "compositions/home.yaml": """
endpoint: GET /home/{user_id}
params: {user_id: {type: integer}}
steps:
  user: {call: shop.get_user, with: {id: "${params.user_id}"}}
  orders: {call: shop.list_orders, with: {user_id: "${user.id}"}}
response:
  user: ${user}
  first: ${orders[0].id}
cache: {ttl: 60s}
""",
}
_REPLIES = {"/users": b'{"id": 1, "name": "Ann"}', "/orders": b'[{"id": 7, "product_id": 3}]'}


@dataclass(slots=True)
class Walk:
    """A request's files by their paths within `bff`, in the order of their first call."""

    title: str
    files: list[str] = field(default_factory=list)
    functions: int = 0  # different ones


def walk_requests() -> list[Walk]:
    """Serve a small project in this process, and trace one request of each kind."""
    with tempfile.TemporaryDirectory() as folder, _shop() as url:
        for name, text in _PROJECT.items():
            file = Path(folder, name)
            file.parent.mkdir(exist_ok=True)
            file.write_text(text.replace("%s", url), "utf-8")
        edge = bff.create_asgi(folder, Settings(log_level="error"))
        return asyncio.run(_walk_all(edge))


async def _walk_all(edge: Any) -> list[Walk]:
    try:
        await _get(edge, "/home/1")  # imports what is imported at first use
        await _get(edge, "/raw/users/1")
        return [
            await _walk(edge, "a composition, not cached", "/home/2"),
            await _walk(edge, "a composition, from the cache", "/home/2"),
            await _walk(edge, "a route", "/raw/users/2"),
        ]
    finally:
        await edge._gateway.close()  # nobody sends lifespan events here


async def _walk(edge: Any, title: str, path: str) -> Walk:
    walk = Walk(title)
    with _tracing(walk):
        await _get(edge, path)
    return walk


@contextmanager
def _tracing(walk: Walk) -> Iterator[None]:
    seen: set[tuple[str, int]] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(_ROOT):
            return
        name = code.co_filename.removeprefix(_ROOT).removesuffix(".py")
        if name not in walk.files:
            walk.files.append(name)
        seen.add((name, code.co_firstlineno))
        walk.functions = len(seen)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


async def _get(edge: Any, path: str) -> None:
    statuses: list[int] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"gateway")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await edge(scope, receive, send)
    if statuses != [200]:
        raise AssertionError(f"{path} answered {statuses}")


@contextmanager
def _shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ShopReplies)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _ShopReplies(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = _REPLIES["/" + self.path.split("/")[1].split("?")[0]]
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass

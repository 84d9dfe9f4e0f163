"""The same jobs with nothing around them: an ASGI callable, the gateway's transport
and pydantic.

No routing, params, statuses, deadlines, ETags, request ids, log lines or policies: the floor that
this shape of gateway stands on, as far as one worker in Python goes. What the gateway's own rows
are below it is what its features cost.

BENCH_UPSTREAM=http://127.0.0.1:9190 granian --interface asgi … bench.handwritten.bare:app
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from bench.project.schemas.shop import OrderPage, ProductList, User
from bff.engine.ports import UpstreamReply
from bff.engine.steps.requests import FIXED_HEADERS
from bff.engine.values.outcomes import Failed
from bff.upstream.ports import Transport, UpstreamRequest
from bff.upstream.transports import open_transport

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

UPSTREAM = os.environ["BENCH_UPSTREAM"]
_JSON = (b"content-type", b"application/json")
_user, _orders, _products = TypeAdapter(User), TypeAdapter(OrderPage), TypeAdapter(ProductList)
_kept: dict[str, bytes] = {}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Home, home from memory, and pass-through, by the path's beginning."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    path = scope["path"]
    if path.startswith("/screens/cached/"):
        body = _kept.get(path)
        if body is None:
            body = _kept[path] = await _home(path.rpartition("/")[2])
        headers = [_JSON]
    elif path.startswith("/screens/home/"):
        body, headers = await _home(path.rpartition("/")[2]), [_JSON]
    elif path.startswith("/screens/home-large/"):
        body, headers = await _home(path.rpartition("/")[2], "/large", 200), [_JSON]
    else:
        reply = await _reply(path.removeprefix("/raw/products"))
        body = reply.body
        headers = [(name.encode(), value.encode()) for name, value in reply.headers]
        headers = [header for header in headers if header[0] not in (b"connection", b"server")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@cache
def _transport() -> Transport:
    return open_transport("http1")


async def _reply(target: str) -> UpstreamReply:
    request = UpstreamRequest("GET", UPSTREAM + target, FIXED_HEADERS)
    reply = await _transport().fetch(request, timeout_seconds=5, byte_cap=4_000_000)
    if isinstance(reply, Failed):
        raise ValueError(f"{target}: {reply.detail}")
    return reply


async def _home(user_id: str, prefix: str = "", limit: int = 20) -> bytes:
    user, orders, products = await asyncio.gather(
        _fetch(f"{prefix}/users/{user_id}", _user),
        _fetch(f"{prefix}/orders?user_id={user_id}&limit={limit}", _orders),
        _fetch(f"{prefix}/popular", _products),
    )
    return b'{"user":%s,"orders":%s,"products":%s}' % (user, orders, products)


async def _fetch(target: str, model: TypeAdapter[Any]) -> bytes:
    reply = await _reply(target)
    if reply.status != 200:
        raise ValueError(f"{target} answers {reply.status}")
    return model.dump_json(model.validate_json(reply.body))

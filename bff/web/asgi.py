"""What ASGI brings: a request out of a scope, its body, and the news that the client left.

Where the specification leaves a choice, this holds for granian and uvicorn, and is tested there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeVar
from urllib.parse import quote

from bff.web.requests import ClientGone, GatewayRequest, without_underscores

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BEHIND_EDGE = "bff.edge"  # a key in the scope of what the edge hands to Flask

# Most fan-outs are over by then, and never pay for the watch.
_WATCH_AFTER_SECONDS = 0.05

_Result = TypeVar("_Result")


def request_of(scope: Scope) -> GatewayRequest:
    """The request that a scope announces, without its body."""
    raw_path = scope.get("raw_path")
    client = scope.get("client")
    return GatewayRequest(
        scope["method"],
        quote(scope["path"]) if raw_path is None else raw_path.decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        scope["headers"],
        scheme=scope["scheme"],
        client_host=client[0] if client else None,
    )


def has_body(request: GatewayRequest, scope: Scope) -> bool:
    """Whether a body follows, as far as the head tells."""
    length = request.single.get(b"content-length")
    if length is not None:
        return length != b"0"
    if b"transfer-encoding" in request.single:
        return True
    # HTTP/2 needs neither header for a body.
    return scope["http_version"] == "2" and request.method not in ("GET", "HEAD", "OPTIONS")


def scope_for_flask(request: GatewayRequest, scope: Scope) -> Scope:
    """The scope as the Flask app may see it: one spelling for each header, our request id."""
    known = without_underscores(scope["headers"])
    headers = [header for header in known if header[0] != b"x-request-id"]
    headers.append((b"x-request-id", request.request_id))
    query = scope["query_string"]
    if not query.isascii():  # WSGI adapters take ASCII alone
        query = quote(query, safe="%/?:@!$&'()*+,;=-._~").encode()
    return {**scope, "headers": headers, "query_string": query, BEHIND_EDGE: True}


class IncomingBody:
    """A request's body, as the server hands it over."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.finished = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Each piece as it arrives. Raises `ClientGone` when the client leaves before the end."""
        while not self.finished:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            self.finished = not message.get("more_body", False)
            chunk = message.get("body", b"")
            if chunk:
                yield chunk


async def unless_client_leaves(
    work: Awaitable[_Result], incoming: IncomingBody | None, receive: Receive
) -> _Result:
    """Await `work`, in this task; cancel it and raise `ClientGone` when the client leaves.

    While the request's body is still being read, its reader is the one that sees the client go.
    """
    return await _watched(work, _Watch(incoming, receive))


async def stream_unless_client_leaves(
    pump: Callable[[], Awaitable[None]], incoming: IncomingBody | None, receive: Receive
) -> None:
    """As `unless_client_leaves`, for a `pump` that sends a stream.

    The watch begins at once: granian tells nobody of a client that left while a `send` waited for
    room, unless `receive` was waiting already; and its `send` then takes everything and drops it,
    so that an endless stream would be read for ever.
    """

    async def work() -> None:
        await asyncio.sleep(0)  # so that the watch waits
        await pump()

    watch = _Watch(incoming, receive)
    watch.begin()
    await _watched(work(), watch)


async def _watched(work: Awaitable[_Result], watch: "_Watch") -> _Result:
    try:
        return await work
    except asyncio.CancelledError:
        if watch.client_left and watch.task.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        watch.end()


class _Watch:
    """Cancels the task that makes it when the client leaves; until it begins, it is a timer."""

    def __init__(self, incoming: IncomingBody | None, receive: Receive) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("what is awaited runs in a task")
        self.task = task
        self.client_left = False
        self._incoming = incoming
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._watcher: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(_WATCH_AFTER_SECONDS, self.begin)

    def end(self) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def begin(self) -> None:
        self._timer.cancel()
        if self._incoming is None or self._incoming.finished:
            self._watcher = self._loop.create_task(self._watch())
        else:
            self._timer = self._loop.call_later(_WATCH_AFTER_SECONDS, self.begin)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_left = True
        self.task.cancel()

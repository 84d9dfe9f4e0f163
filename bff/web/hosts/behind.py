"""The application behind a host: what it is, and how a host hands a request over to it.

A request is announced by a scope and answered by messages, as in ASGI, whichever host it came to:
so one adapter for Flask serves all of them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Protocol
from urllib.parse import quote

from bff.web.gateway import Gateway
from bff.web.http.destination import NOWHERE
from bff.web.http.problems import closing
from bff.web.http.replies import BrokenBy, Reply
from bff.web.http.requests import (
    BEHIND_EDGE,
    LOGGED,
    REQUEST_BODY,
    ClientGone,
    GatewayRequest,
    without_underscores,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Runs an app's answer. Cancels it and raises `ClientGone` when the client leaves.
UnlessClientLeaves = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


class AppBehind(Protocol):
    """The application that gets what is not the gateway's."""

    def takes(self, request: GatewayRequest) -> bool:
        """Whether the request goes to the app, whatever the gateway has at its path. Called for
        every request, on any thread: takes under a microsecond for most."""

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Answer an HTTP request; the scope has `BEHIND_EDGE` and `REQUEST_BODY`. It is cancelled
        when the client leaves, and ends soon then. Raises `ClientGone`."""

    def start(self) -> None:
        """The gateway is about to open, and requests will come."""

    async def close(self) -> None:
        """Wait, for a while, for what runs: its replies go out on the running loop."""


class BodyForApp(Protocol):
    """A request's body, as the scope has it under `REQUEST_BODY`."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Each piece as it arrives. Raises `ClientGone` when the client leaves before the end."""

    def end_unread(self) -> None:
        """The reply goes out. Where nobody has read of the body until now, nobody will."""


async def hand_over(
    app: AppBehind,
    request: GatewayRequest,
    scope: Scope,
    send: Send,
    unless_client_leaves: UnlessClientLeaves,
    gateway: Gateway,
) -> None:
    """Have the app behind answer; see what it doesn't log itself. `scope` is one of
    `scope_for_app`. Raises what the app raises, but `ClientGone`."""
    telemetry = gateway.telemetry
    if request.destination is NOWHERE:
        request.destination = gateway.app_destination
    status, sent_bytes = 0, 0  # no status is known yet
    length = -1  # of the reply, where its head states one
    why_broken: BrokenBy | None = None

    async def send_and_note(message: Message) -> None:
        nonlocal status, sent_bytes, length
        if message["type"] == "http.response.start":
            if all(name != b"x-request-id" for name, _ in message["headers"]):
                message["headers"].append((b"x-request-id", request.request_id))
            await send(message)
            status, length = message["status"], _stated_length(message["headers"])
        else:
            sent_bytes += len(message["body"])
            await send(message)

    async def answer() -> None:
        await app(scope, send_and_note)

    telemetry.begin_work(request)
    try:
        await unless_client_leaves(answer)
    except ClientGone:
        # A client may leave once it has all, before the app knows.
        why_broken = "client left" if not status or sent_bytes != length else None
    except asyncio.CancelledError:
        why_broken = "gateway closed"
        raise
    except Exception:
        why_broken = "app broke off" if status else None
        raise
    finally:
        telemetry.end_work(request)
        if LOGGED not in scope:
            if why_broken is None:
                telemetry.ended(request, Reply(status or 500, []), sent_bytes)
            elif status:
                telemetry.broken(request, Reply(status, []), sent_bytes, why_broken)
            elif why_broken == "gateway closed":
                telemetry.broken(request, closing(request), 0, why_broken)
            else:
                telemetry.abandoned(request)


def _stated_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return -1


def scope_for_app(request: GatewayRequest, scope: Scope, body: BodyForApp | None) -> Scope:
    """The scope as the app may see it: one spelling for each header, our request id, and the
    body."""
    known = without_underscores(scope["headers"])
    headers = [header for header in known if header[0] != b"x-request-id"]
    headers.append((b"x-request-id", request.request_id))
    query = scope["query_string"]
    if not query.isascii():  # WSGI adapters take ASCII alone
        query = quote(query, safe="%/?:@!$&'()*+,;=-._~").encode()
    return {
        **scope,
        "headers": headers,
        "query_string": query,
        BEHIND_EDGE: True,
        REQUEST_BODY: body,
    }

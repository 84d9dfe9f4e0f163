"""A request in the messages of ASGI, for the app behind."""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from bff.web.hosts.behind import Message, Scope
from bff.web.hosts.http1.replies import BrokenReply, StreamFraming
from bff.web.hosts.http1.service import Peer, Writer
from bff.web.http.replies import RawHeader
from bff.web.http.requests import GatewayRequest

# What an app may not say of a connection that is not its own (RFC 9110 §7.6.1).
_HOP_BY_HOP: Final = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"})

_LINE_END: Final = re.compile(rb"[\r\n\0]")  # or what a reader takes for one

Start = Callable[[int, list[RawHeader]], StreamFraming]


def scope_of(request: GatewayRequest, peer: Peer) -> Scope:
    """The scope that announces a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.version,
        "method": request.method,
        "scheme": peer.scheme,
        "path": unquote(request.raw_path),
        "raw_path": request.raw_path.encode(),
        "query_string": request.raw_query.encode(),
        "root_path": "",
        "headers": request.headers,
        "client": peer.client,
        "server": peer.server,
    }


class AppReply:
    """The messages of an app's reply, as they go on the wire.

    `start` begins the reply, and raises `ClientGone` where there is nobody to answer.
    """

    def __init__(self, writer: Writer, start: Start) -> None:
        self._writer = writer
        self._start = start
        self._framing: StreamFraming | None = None

    async def send(self, message: Message) -> None:
        """Write what the app answers. Raises `ClientGone`; `BrokenReply` where it is not as long as
        its head has it, or a header holds more than one line: what wraps the app may have put text
        of the client there, which would be a header of its own, or a reply."""
        if message["type"] == "http.response.start":
            headers = [each for each in message["headers"] if each[0] not in _HOP_BY_HOP]
            if any(_LINE_END.search(part) for header in headers for part in header):
                raise BrokenReply("a header holds the end of a line")
            self._framing = self._start(message["status"], headers)
            return
        if self._framing is None:
            raise BrokenReply("a body came before its head")
        self._writer.write(self._framing.frame(message["body"]))
        if not message.get("more_body", False):
            self._writer.write(self._framing.end())
        await self._writer.drain()

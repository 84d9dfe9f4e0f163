"""Reads one reply after the other from the bytes of a connection. Does no input or output.

httptools (llhttp) reads lines, lengths and chunks, and refuses a Content-Length beside a
Transfer-Encoding, several or odd lengths, folded lines, bare CR or LF, and blanks before colons
(RFC 9112 §2.2, §5, §6.3). `_head_fault` refuses what it lets pass. Rules:
1. A reply ends where its framing says. One that has neither a length nor chunks ends with the
   connection (RFC 9112 §6.3, rule 8), and so ends it.
2. Replies to HEAD, 204 and 304 have no body, whatever their headers say.
3. Informational replies are passed over, `MAX_INFORMATIONAL` of them. 101 is a failure, unless
   the request offers a switch: then it ends the reply, and what follows is `surplus`, unread. 407
   is one too: a proxy on the way wants other credentials, which is nothing that a service's caller
   can mend.
4. What has no bound of its own counts as framing: a head, trailers, extensions of chunks and blank
   lines are at most `FRAMING_BYTES` long between two pieces of a body. Trailers are dropped.
5. A byte beyond the end leaves the reply as it is; the connection can't be used again.
"""

from typing import Final

import httptools

from bff.engine.values.outcomes import Failed, Reason

FRAMING_BYTES: Final = 32_768
MAX_HEADERS: Final = 100
MAX_INFORMATIONAL: Final = 8


class BadReply(Exception):
    """The bytes are no reply that the gateway takes; `failure` describes the fault."""

    def __init__(self, detail: str, status: int | None = None) -> None:
        self.failure = Failed(Reason.PROTOCOL, status, detail=detail)
        super().__init__(detail)


class ReplyReader:
    """The reply that arrives on a connection. Call `begin`, then `feed` until `ended`.

    `began` is True once a byte came, `head_came` once `status` and `headers` are there. `length` is
    the declared length of the body, where it has one. `is_reusable` describes the connection after
    the end. Errors of the reply are raised as `BadReply`.
    """

    __slots__ = (
        "_framing_bytes",
        "_has_parser",
        "_informational",
        "_is_head_request",
        "_may_switch",
        "_parser",
        "_pieces",
        "_until_close",
        "began",
        "body_bytes",
        "ended",
        "head_came",
        "headers",
        "idle_seconds",
        "is_reusable",
        "length",
        "status",
        "surplus",
    )

    def __init__(self) -> None:
        self._parser: httptools.HttpResponseParser
        self._has_parser = False  # from the first byte on: many connections wait for that one
        self._is_head_request = False
        self.idle_seconds: float | None = None  # for which the upstream keeps the connection

    def begin(self, method: str) -> None:
        """Expect the reply to a request of this method."""
        if self._is_head_request:  # the parser expects a body, where the reply declared one
            self.close()
        self._is_head_request = method == "HEAD"
        self._pieces: list[bytes] = []
        self._framing_bytes = 0
        self._informational = 0
        self._until_close = False
        self._may_switch = False
        self.surplus = b""
        self.began = False
        self.head_came = False
        self.ended = False
        self.is_reusable = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.length: int | None = None
        self.body_bytes = 0

    def expect_switch(self) -> None:
        """The request that has begun offers another protocol (RFC 9110 §7.8)."""
        self._may_switch = True

    def feed(self, data: bytes) -> None:
        """Read what came from the connection."""
        if not self.began:
            self.began = True
            if not self._has_parser:
                self._has_parser = True
                self._parser = httptools.HttpResponseParser(self)
            if data[0] != 72:  # H: llhttp reads RTSP and ICE too, and skips blank lines
                raise BadReply("the reply does not begin with HTTP")
        body_bytes = self.body_bytes
        self._framing_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switched:  # only where a switch is expected
            self.surplus = data[switched.args[0] :]
        except httptools.HttpParserError as error:
            if not self.ended:
                raise _cause_of(error) from error
            self.is_reusable = False
        if self.body_bytes != body_bytes or self.ended:
            self._framing_bytes = 0
        elif self._framing_bytes > FRAMING_BYTES:
            raise BadReply(f"over {FRAMING_BYTES} bytes that are no body")

    def end_input(self) -> Failed | None:
        """The connection ended in good order: the failure that this is, or None where the reply
        ends so."""
        if not self.head_came:
            return Failed(Reason.DISCONNECTED, detail="the connection ended before the head")
        if not self._until_close:
            return Failed(Reason.INCOMPLETE, detail="the connection ended in the body")
        self.ended = True
        return None

    def close(self) -> None:
        """Read no more. Parser and reader refer to each other, which the garbage collector would
        have to find."""
        if self._has_parser:
            self._has_parser = False
            del self._parser

    def take_body(self) -> bytes:
        """What of the body has come since the last call."""
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return body

    # ------------------------------------------------------------------ called by the parser

    def on_message_begin(self) -> None:
        """A second reply on the line is a fault of the connection alone (rule 5)."""
        if self.ended:
            raise BadReply("bytes beyond the reply")

    def on_chunk_header(self) -> None:
        """A chunk after a reply to HEAD is a fault of the connection alone (rule 5)."""
        if self.ended:
            raise BadReply("bytes beyond the reply")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        if not self.head_came:
            # llhttp leaves blanks behind values; it refuses the other bytes that `rstrip` removes.
            self.headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """A head is there."""
        status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        lengths: list[bytes] = []
        codings: list[bytes] = []
        for name, value in self.headers:
            if name == b"content-length":
                lengths.append(value)
            elif name == b"transfer-encoding":
                codings.append(value)
            elif name == b"keep-alive":
                self.idle_seconds = idle_seconds_of(value)
        fault = _head_fault(version, status, len(self.headers), lengths, codings)
        if status == 101 and fault is None:
            fault = self._switch_fault(version, lengths, codings)
        if fault is None and self._framing_bytes > FRAMING_BYTES and self._head_is_long():
            fault = f"a head of over {FRAMING_BYTES} bytes"
        if fault is not None:
            raise BadReply(fault, status if status in (101, 407) else None)
        if status < 200 and status != 101:
            self._pass_over()
            return
        self.status = status
        self.head_came = True
        if self._is_head_request or status in (204, 304):
            self.is_reusable = self._parser.should_keep_alive()
            self.ended = True
        elif status == 101:
            self.ended = True
        elif lengths:
            self.length = int(lengths[0])
        else:
            self._until_close = not codings

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self.ended:
            raise BadReply("bytes beyond the reply")
        self._pieces.append(piece)
        self.body_bytes += len(piece)

    def on_message_complete(self) -> None:
        """The reply ends here; informational ones do, too."""
        if self.head_came and not self.ended:
            self.ended = True
            # To be read here, before the parser forgets it.
            self.is_reusable = self._parser.should_keep_alive()

    def _pass_over(self) -> None:
        self._informational += 1
        if self._informational > MAX_INFORMATIONAL:
            raise BadReply(f"over {MAX_INFORMATIONAL} informational replies")
        self.headers.clear()

    def _switch_fault(self, version: str, lengths: list[bytes], codings: list[bytes]) -> str | None:
        if not self._may_switch:
            return "switched protocols unasked"
        if version != "1.1" or lengths or codings:
            return "a 101 with a body, or in HTTP/1.0"
        return None

    def _head_is_long(self) -> bool:
        """Whether a head that came with its body, in one piece, is longer than it may be."""
        return sum([len(name) + len(value) for name, value in self.headers]) > FRAMING_BYTES


def _head_fault(
    version: str, status: int, count: int, lengths: list[bytes], codings: list[bytes]
) -> str | None:
    """Why a head is refused that llhttp takes, or None."""
    if version not in ("1.1", "1.0"):
        return f"HTTP/{version}"
    if status < 100:
        return f"the status {status:03}"
    if status == 407:
        return "407, which is a proxy's"
    if count > MAX_HEADERS:
        return f"over {MAX_HEADERS} headers"
    if lengths and len(lengths[0]) > 18:
        return "a length that no body has"
    if not codings:
        return None
    if lengths or version == "1.0":
        return "a transfer coding beside a length, or in HTTP/1.0"
    if len(codings) > 1 or codings[0].lower() != b"chunked":
        return f"the transfer coding {b', '.join(codings).decode('latin-1')!r}"
    return None


def idle_seconds_of(keep_alive: bytes) -> float | None:
    """The seconds of a `Keep-Alive: timeout=5`; None where it has none."""
    for part in keep_alive.split(b","):
        name, _, value = part.partition(b"=")
        if name.strip().lower() == b"timeout":
            value = value.strip()
            return float(value) if value.isdigit() and len(value) < 9 else None
    return None


def _cause_of(error: httptools.HttpParserError) -> BadReply:
    cause = error.__context__
    return cause if isinstance(cause, BadReply) else BadReply(str(error))

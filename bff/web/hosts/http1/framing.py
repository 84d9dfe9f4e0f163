"""How a head is read, and where its body ends (RFC 9112). Pure.

Rules:
1. llhttp reads the header lines, and nothing else. It gets those of one head and never a body, so
   no body can be read as a request, whatever the head says of upgrades.
2. What llhttp lets pass and another reader may read otherwise is refused here, before anything is
   made of the head: it is 400, and the connection closes, since nobody knows where a next request
   begins.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from bff.settings import Settings
from bff.web.http.replies import RawHeader

END_OF_HEAD: Final = b"\r\n\r\n"


class Refusal(NamedTuple):
    """A request that is not served, and the status for it. The connection closes."""

    status: int
    reason: str  # a word, as in problem documents
    detail: str  # for people


class Chunked(NamedTuple):
    """A body in chunks (RFC 9112 §7.1)."""


class RequestLine(NamedTuple):
    """The first line of a head. `path` and `query` are percent-encoded as they came. `authority` is
    what an absolute target names; None for one that is a path."""

    method: str
    path: str
    query: str
    version: str
    authority: bytes | None


class HeaderFields(NamedTuple):
    """The lines after the first, as a request of this version has them. `block` is their bytes.

    Names are in lower case, values without blanks around them. `single` has the last line of each
    name. `body` is the body's length, or `Chunked`; None where there is none.
    """

    block: bytes
    headers: list[RawHeader]
    single: dict[bytes, bytes]
    body: int | Chunked | None
    keeps_alive: bool
    expects_continue: bool


class Head(NamedTuple):
    """A request's head, with its bytes."""

    raw: bytes
    line: RequestLine
    fields: HeaderFields


CHUNKED: Final = Chunked()
MALFORMED: Final = Refusal(400, "bad_request", "The request is not HTTP/1.1 as RFC 9112 has it.")
TOO_SLOW: Final = Refusal(408, "slow_request", "The request took too long to arrive.")
LONG_LINE: Final = Refusal(414, "long_target", "The request line is too long.")
LARGE_HEAD: Final = Refusal(431, "large_head", "The header lines are too many or too long.")
_UNKNOWN_METHOD: Final = Refusal(501, "unknown_method", "This method is not known here.")
_UNKNOWN_VERSION: Final = Refusal(505, "unknown_version", "This port speaks HTTP/1.1 and HTTP/1.0.")
_UNKNOWN_EXPECTATION: Final = Refusal(
    417, "unknown_expectation", "The only expectation that is met is 100-continue."
)

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINE = re.compile(rb"(%b) ([!-~]+) HTTP/([0-9]\.[0-9])" % _TOKEN)
_ABSOLUTE = re.compile(rb"https?://([^/?]+)(/.*|\?.*|)", re.IGNORECASE)
# All that may stand in a head beside the ends of its lines: a blank, a tab, visible characters, and
# bytes above ASCII (RFC 9110 §5.5).
_TEXT: Final = bytes(each for each in range(256) if each == 9 or (each >= 32 and each != 127))
_LONGEST_KNOWN_LINE: Final = 512  # bytes
_MOST_DIGITS: Final = 15  # of a length: under an exabyte

# Those of IANA's registry that services are known to use. CONNECT, for one, is a tunnel.
_METHODS: Final = frozenset((
    b"ACL", b"BIND", b"CHECKOUT", b"COPY", b"DELETE", b"GET", b"HEAD", b"LINK", b"LOCK",
    b"M-SEARCH", b"MERGE", b"MKACTIVITY", b"MKCALENDAR", b"MKCOL", b"MOVE", b"NOTIFY", b"OPTIONS",
    b"PATCH", b"POST", b"PROPFIND", b"PROPPATCH", b"PURGE", b"PUT", b"QUERY", b"REBIND", b"REPORT",
    b"SEARCH", b"SUBSCRIBE", b"TRACE", b"UNBIND", b"UNLINK", b"UNLOCK", b"UNSUBSCRIBE",
))  # fmt: skip


def read_head(head: bytes, settings: Settings, known: Head | None) -> Head | Refusal:
    """The head that these bytes are; they end with the first empty line.

    `known` is the head before it on its connection: a client sends the same fields again and again,
    and one that polls the same line too, so a comparison takes the place of reading (2 µs or 3).
    """
    if known is not None and known.raw == head:
        return known
    line_end = head.find(b"\r\n")
    header_bytes = len(head) - line_end - len(END_OF_HEAD)
    is_long = line_end > settings.request_line_bytes or header_bytes > settings.header_bytes
    if is_long and (refusal := refuse_beginning(head, settings)) is not None:
        return refusal
    read = _read_line_once if line_end <= _LONGEST_KNOWN_LINE else _read_line
    line = read(head[:line_end])
    if isinstance(line, Refusal):
        return line
    block = head[line_end:]
    fields: HeaderFields | Refusal
    if known is not None and known.fields.block == block and known.line.version == line.version:
        fields = known.fields
    else:
        fields = _read_fields(block, line.version, settings.header_lines)
        if isinstance(fields, Refusal):
            return fields
    if line.authority is not None:
        host = fields.single.get(b"host")
        if host is not None and host.lower() != line.authority.lower():
            return MALFORMED  # RFC 9112 §3.2.2; two hosts are read in two ways
    return Head(head, line, fields)


def _read_line(line: bytes) -> RequestLine | Refusal:
    match = _LINE.fullmatch(line)
    if match is None:
        return MALFORMED
    method, target, version = match.groups()
    if version not in (b"1.1", b"1.0"):
        return _UNKNOWN_VERSION
    if method not in _METHODS:
        return _UNKNOWN_METHOD
    authority = None
    if not target.startswith(b"/"):
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None:
            return MALFORMED
        authority, rest = absolute.groups()
        target = rest if rest.startswith(b"/") else b"/" + rest
    if b"#" in target:
        return MALFORMED
    path, _, query = target.decode().partition("?")
    return RequestLine(method.decode(), path, query, version.decode(), authority)


_read_line_once = lru_cache(1024)(_read_line)  # most requests have the line of an earlier one


def _read_fields(block: bytes, version: str, most_lines: int) -> HeaderFields | Refusal:
    """`block` begins with the end of the first line, and ends with the empty one."""
    if not _is_text_in_lines(block):
        return MALFORMED
    lines = _HeaderLines()
    try:
        HttpRequestParser(lines).feed_data(b"GET / HTTP/1.1" + block)
    except HttpParserUpgrade:
        pass  # the head is read; what it offers is not taken, so its body comes as it says
    except HttpParserError:
        return MALFORMED
    headers = lines.headers
    if len(headers) > most_lines:
        return LARGE_HEAD
    if b" \r\n" in block or b"\t\r\n" in block:
        headers = [(name, value.rstrip(b" \t")) for name, value in headers]
    single = dict(headers)
    if len(single) != len(headers) and any(
        sum(name == each for name, _ in headers) > 1
        for each in (b"content-length", b"transfer-encoding", b"expect")
    ):
        return MALFORMED
    body = _body_framing(single, version)
    if isinstance(body, Refusal):
        return body
    expectation = single.get(b"expect")
    if expectation is not None and expectation.lower() != b"100-continue":
        return _UNKNOWN_EXPECTATION
    keeps_alive = _keeps_alive(headers, single, version)
    expects_continue = expectation is not None and version == "1.1"
    return HeaderFields(block, headers, single, body, keeps_alive, expects_continue)


def refuse_beginning(unread: bytes, settings: Settings) -> Refusal | None:
    """What is wrong already with a head whose end has not come. It is the same wherever what came
    is cut: what is beyond a limit is not looked at."""
    most = settings.request_line_bytes
    line_end = unread.find(b"\r\n", 0, most + 2)
    if line_end < 0:
        if b"\n" in unread[:most]:
            return MALFORMED
        return LONG_LINE if len(unread.removesuffix(b"\r")) > most else None
    line = _read_line(unread[:line_end])
    if isinstance(line, Refusal):
        return line
    most = line_end + len(END_OF_HEAD) + settings.header_bytes
    if not _is_text_in_lines(unread[line_end:most].removesuffix(b"\r")):
        return MALFORMED
    return LARGE_HEAD if len(unread) > most else None


def _is_text_in_lines(block: bytes) -> bool:
    """One pass in C finds each control character, each CR without LF and each LF without CR."""
    controls = block.translate(None, _TEXT)
    return controls == b"\r\n" * (len(controls) // 2)


class _HeaderLines:
    """What llhttp calls."""

    __slots__ = ("headers",)

    def __init__(self) -> None:
        self.headers: list[RawHeader] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


def _body_framing(single: dict[bytes, bytes], version: str) -> int | Chunked | Refusal | None:
    """RFC 9112 §6.3, where it leaves a choice the strict one."""
    length, coding = single.get(b"content-length"), single.get(b"transfer-encoding")
    if coding is not None:
        is_chunked = length is None and version == "1.1" and coding.lower() == b"chunked"
        return CHUNKED if is_chunked else MALFORMED
    if length is None:
        return None
    if not length.isdigit() or len(length) > _MOST_DIGITS:
        return MALFORMED
    return int(length) or None


def _keeps_alive(headers: Sequence[RawHeader], single: dict[bytes, bytes], version: str) -> bool:
    """Whether the client takes another reply on its connection (RFC 9112 §9.3). What follows an
    offer of a WebSocket is never read as a request, since a proxy in front may take it for one."""
    if b"upgrade" in single and any(
        name == b"upgrade" and b"websocket" in value.lower() for name, value in headers
    ):
        return False
    if b"connection" not in single:
        return version == "1.1"
    lines = b",".join(value for name, value in headers if name == b"connection")
    options = {each.strip() for each in lines.lower().split(b",")}
    return b"close" not in options and (version == "1.1" or b"keep-alive" in options)

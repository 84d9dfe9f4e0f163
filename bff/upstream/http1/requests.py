"""Requests as bytes: what is rendered here goes on the wire as it is. Pure."""

from typing import Final, NamedTuple

from bff.engine.ports import Headers
from bff.engine.steps.requests import FIXED_HEADERS
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link
from bff.upstream.guards import is_token, refuse_headers, refuse_url
from bff.upstream.http1.tunnels import credentials_line
from bff.upstream.ports import UpstreamRequest

_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})

# They frame the message or name its receiver, so the transport alone writes them.
_OWN_HEADERS: Final = frozenset({b"host", b"transfer-encoding", b"connection"})


_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 §9.2.1


class Outgoing(NamedTuple):
    """A request as bytes, without a body that is still arriving; the origin that it goes to, and
    how connections to that are made."""

    origin: str
    link: Link | None
    method: str
    data: bytes
    is_whole: bool

    @property
    def is_safe(self) -> bool:
        """Whether its method changes nothing."""
        return self.method in _SAFE_METHODS


def prepare(request: UpstreamRequest) -> Outgoing | Failed:
    """The request ready to go out, or the reason why it must not be sent."""
    url, body, link = request.url, request.body, request.link
    start = url.find("/", 8)  # after `https://`
    origin, target = (url, "/") if start < 0 else (url[:start], url[start:])
    scheme, _, host = origin.partition("://")
    proxy = None if link is None or scheme == "https" else link.proxy
    if proxy is None:
        head = render_head(request, target, host)
    else:
        head = render_head(request, origin + target, host, credentials_line(proxy))
    if isinstance(head, Failed):
        return head
    is_whole = body is None or isinstance(body, bytes)
    data = head + body if isinstance(body, bytes) else head
    return Outgoing(origin, link, request.method, data, is_whole)


def render_head(
    request: UpstreamRequest, target: str, host: str, hop_lines: str = ""
) -> bytes | Failed:
    """The request's head, to the empty line; or the reason why the request must not be sent.
    `hop_lines` are for a proxy on the way.

    A body of bytes goes out after it as it is; one that is still arriving goes out in chunks
    unless a `content-length` is among the headers.
    """
    if (refused := refuse_url(request.url)) is not None:
        return refused
    if not is_token(request.method):
        return _bad("the method is no token")
    headers = request.headers
    has_length = False
    if headers is FIXED_HEADERS:  # nearly every call of a composition has these and no others
        lines = _FIXED_LINES
    elif (refused := refuse_headers(headers)) is not None:
        return refused
    else:
        names = {name for name, _ in headers}
        if not _OWN_HEADERS.isdisjoint(names):
            return _bad("a header that frames the message or names its receiver")
        has_length = b"content-length" in names
        lines = _lines(headers)
    body = request.body
    framing = b""
    if body is None or isinstance(body, bytes):
        if has_length:
            return _bad("a length beside a body whose length is known")
        if body or request.method in _WITH_CONTENT:  # RFC 9110 §8.6: some servers answer 411
            framing = b"content-length: %d\r\n" % len(body or b"")
    elif not has_length:
        framing = b"transfer-encoding: chunked\r\n"
    start = f"{request.method} {target} HTTP/1.1\r\nhost: {host}\r\n{hop_lines}".encode("ascii")
    return b"%b%b%b\r\n" % (start, lines, framing)


def as_chunk(data: bytes) -> bytes:
    """A chunk of a body (RFC 9112 §7.1); of nothing, it is the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _lines(headers: Headers) -> bytes:
    names = {name for name, _ in headers}
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    if b"accept" not in names:
        lines += b"accept: */*\r\n"
    if b"user-agent" not in names:
        lines += b"user-agent: bff\r\n"
    return lines


_FIXED_LINES: Final = _lines(FIXED_HEADERS)


def _bad(detail: str) -> Failed:
    return Failed(Reason.BAD_INPUT, detail=detail, was_sent=False)

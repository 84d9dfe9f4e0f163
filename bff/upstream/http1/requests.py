"""Requests as bytes: what is rendered here goes on the wire as it is. Pure."""

from functools import lru_cache
from typing import Final, NamedTuple

from bff.engine.ports import Headers
from bff.engine.steps.requests import FIXED_HEADERS
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link, Proxy
from bff.upstream.guards import has_clean_values, is_token, refuse_names, refuse_url, refuse_values
from bff.upstream.http1.tunnels import credentials_line
from bff.upstream.ports import UpstreamRequest

_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH", "QUERY"})

# They frame the message or name its receiver, so the transport alone writes them.
_OWN_HEADERS: Final = frozenset({b"host", b"transfer-encoding", b"connection"})

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})  # RFC 9110 §9.2.1, 10008
_LONGEST_KNOWN_URL: Final = 512  # characters


class Outgoing(NamedTuple):
    """A request as bytes, without a body that is still arriving; the origin that it goes to, and
    how connections to that are made."""

    origin: str
    link: Link | None
    method: str
    data: bytes
    is_whole: bool
    is_safe: bool  # it changes nothing, by its method or as declared


def prepare(request: UpstreamRequest) -> Outgoing | Failed:
    """The request ready to go out, or the reason why it must not be sent.

    A body of bytes goes out as it is; one that is still arriving goes out in chunks unless a
    `content-length` is among the headers.
    """
    method, url, headers, body, _, link, reads = request
    start_of = _known_start_of if len(url) <= _LONGEST_KNOWN_URL else _start_of
    start = start_of(method, url, None if link is None else link.proxy)
    if isinstance(start, Failed):
        return start
    origin, first_lines = start
    whole = body if isinstance(body, bytes) else b""
    is_whole = body is None or isinstance(body, bytes)
    has_length = False
    if headers is FIXED_HEADERS:  # nearly every call of a composition has these and no others
        lines = _FIXED_LINES
    else:
        names = _known_names(tuple([name for name, _ in headers]))
        if isinstance(names, Failed):
            return names
        has_length = names.have_length
        if has_length and is_whole:
            return _bad("a length beside a body whose length is known")
        lines = _lines(headers)
        if not has_clean_values(lines, len(headers)):
            refused = refuse_values(headers)
            if refused is not None:
                return refused
        lines += names.preferences
    if not is_whole:
        framing = b"" if has_length else b"transfer-encoding: chunked\r\n"
        data = b"%b%b%b\r\n" % (first_lines, lines, framing)
    elif whole or method in _WITH_CONTENT:  # RFC 9110 §8.6: some servers answer 411
        framing = b"content-length: %d\r\n" % len(whole)
        data = b"%b%b%b\r\n%b" % (first_lines, lines, framing, whole)
    else:
        data = b"%b%b\r\n" % (first_lines, lines)
    return Outgoing(origin, link, method, data, is_whole, reads or method in _SAFE_METHODS)


def _start_of(method: str, url: str, proxy: Proxy | None) -> tuple[str, bytes] | Failed:
    """The origin of a request, and the first lines of its head; those for a `proxy` on the way
    among them. Or the reason why no request may begin so."""
    if (refused := refuse_url(url)) is not None:
        return refused
    if not is_token(method):
        return _bad("the method is no token")
    start = url.find("/", 8)  # after `https://`
    origin, target = (url, "/") if start < 0 else (url[:start], url[start:])
    scheme, _, host = origin.partition("://")
    hop_lines = ""
    if proxy is not None and scheme != "https":
        target, hop_lines = origin + target, credentials_line(proxy)
    return origin, f"{method} {target} HTTP/1.1\r\nhost: {host}\r\n{hop_lines}".encode("ascii")


_known_start_of = lru_cache(2048)(_start_of)  # it takes 3 µs, and many requests are for the same


def as_chunk(data: bytes) -> bytes:
    """A chunk of a body (RFC 9112 §7.1); of nothing, it is the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


class _Names(NamedTuple):
    """What the names of a request's headers say of it. `preferences` are the lines that state no
    preference, where none is stated."""

    have_length: bool
    preferences: bytes


@lru_cache(512)
def _known_names(names: tuple[bytes, ...]) -> _Names | Failed:
    """What these names say, or the reason why no request may have them."""
    if (refused := refuse_names(names)) is not None:
        return refused
    if not _OWN_HEADERS.isdisjoint(names):
        return _bad("a header that frames the message or names its receiver")
    accept = b"" if b"accept" in names else b"accept: */*\r\n"
    agent = b"" if b"user-agent" in names else b"user-agent: bff\r\n"
    return _Names(b"content-length" in names, accept + agent)


_FIXED_LINES: Final = _lines(FIXED_HEADERS)


def _bad(detail: str) -> Failed:
    return Failed(Reason.BAD_INPUT, detail=detail, was_sent=False)

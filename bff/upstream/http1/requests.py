"""Requests as bytes: what is rendered here goes on the wire as it is. Pure."""

from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Final, NamedTuple

from bff.engine.ports import HeaderBlock, Headers, ServiceCall
from bff.engine.values.outcomes import Failed, Reason
from bff.engine.values.trace import TRACE_HEADERS, Trace
from bff.plan.model.service import Proxy
from bff.upstream.guards import has_clean_values, is_token, refuse_names, refuse_url, refuse_values
from bff.upstream.http1.tunnels import credentials_line

_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH", "QUERY"})

# They frame the message or name its receiver, so the transport alone writes them.
_OWN_HEADERS: Final = frozenset({b"host", b"transfer-encoding", b"connection"})

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})  # RFC 9110 §9.2.1, 10008


class Requests:
    """Renders the requests to one instance: what all of them share is rendered once. Immutable."""

    def __init__(self, base: str, proxy: Proxy | None) -> None:
        start = base.find("/", 8)  # after `https://`
        self.origin, self._path = (base, "") if start < 0 else (base[:start], base[start:])
        self._refused = refuse_url(base)
        scheme, _, host = self.origin.partition("://")
        is_understood_by_proxy = proxy is not None and scheme != "https"
        self._before_path = self.origin if is_understood_by_proxy else ""
        hop_lines = credentials_line(proxy) if proxy is not None and is_understood_by_proxy else ""
        self._after_target = f" HTTP/1.1\r\nhost: {host}\r\n{hop_lines}"

    def render(self, call: ServiceCall) -> bytes | Failed:
        """The bytes of a request, without a body that is still arriving; or the reason why it must
        not be sent.

        A body of bytes goes out as it is; one that is still arriving goes out in chunks unless a
        `content-length` is among the headers.
        """
        method, headers, body, trace = call.method, call.headers, call.body, call.trace
        target = self._path + call.target or "/"
        refused = self._refused or refuse_url(target)
        if refused is not None:
            return refused
        if target[0] != "/":
            return _bad("the target does not begin with a slash")
        if not _is_method(method):
            return _bad("the method is no token")
        is_whole = body is None or isinstance(body, bytes)
        # Nearly every call of a composition has a block. None of them states a trace.
        is_block = type(headers) is HeaderBlock
        lines = headers.lines if type(headers) is HeaderBlock and is_whole else None
        if lines is None:
            rendered = _render_headers(headers, body, None if is_block else trace)
            if isinstance(rendered, Failed):
                return rendered
            lines = rendered
            if type(headers) is HeaderBlock and is_whole:
                headers.lines = lines
        if is_block and trace is not None:
            lines += trace.lines()
        first = f"{method} {self._before_path}{target}{self._after_target}".encode("ascii")
        whole = body if isinstance(body, bytes) else b""
        if whole or (is_whole and method in _WITH_CONTENT):
            # RFC 9110 §8.6: without a length some servers answer 411.
            return b"%b%bcontent-length: %d\r\n\r\n%b" % (first, lines, len(whole), whole)
        return b"%b%b\r\n" % (first, lines)


def may_repeat(call: ServiceCall) -> bool:
    """Whether a call changes nothing, by its method or as declared, and its body is there."""
    body = call.body
    return (call.reads or call.method in _SAFE_METHODS) and (
        body is None or isinstance(body, bytes)
    )


def as_chunk(data: bytes) -> bytes:
    """A chunk of a body (RFC 9112 §7.1); of nothing, it is the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _render_headers(
    headers: Headers, body: bytes | AsyncIterator[bytes] | None, trace: Trace | None
) -> bytes | Failed:
    """The lines of the headers, and the one that frames a body that is still arriving; or the
    reason why no request may have them."""
    names = _known_names(tuple([name for name, _ in headers]))
    if isinstance(names, Failed):
        return names
    is_whole = body is None or isinstance(body, bytes)
    if names.have_length and is_whole:
        return _bad("a length beside a body whose length is known")
    lines = _lines(headers)
    if not has_clean_values(lines, len(headers)):
        refused = refuse_values(headers)
        if refused is not None:
            return refused
    if not (is_whole or names.have_length):
        lines += b"transfer-encoding: chunked\r\n"
    if trace is None:
        return lines + names.preferences
    own = _lines(trace.headers(names.of_trace)) if names.of_trace else trace.lines()
    return lines + names.preferences + own


def _lines(headers: Headers) -> bytes:
    return b"\r\n".join([*map(b": ".join, headers), b""])


class _Names(NamedTuple):
    """What the names of a request's headers say of it. `preferences` are the lines that state no
    preference, where none is stated; `of_trace` are those that a trace would have."""

    have_length: bool
    preferences: bytes
    of_trace: frozenset[bytes]


@lru_cache(512)
def _known_names(names: tuple[bytes, ...]) -> _Names | Failed:
    """What these names say, or the reason why no request may have them."""
    if (refused := refuse_names(names)) is not None:
        return refused
    if not _OWN_HEADERS.isdisjoint(names):
        return _bad("a header that frames the message or names its receiver")
    accept = b"" if b"accept" in names else b"accept: */*\r\n"
    agent = b"" if b"user-agent" in names else b"user-agent: bff\r\n"
    return _Names(b"content-length" in names, accept + agent, TRACE_HEADERS.intersection(names))


_is_method = lru_cache(64)(is_token)


def _bad(detail: str) -> Failed:
    return Failed(Reason.BAD_INPUT, detail=detail, was_sent=False)

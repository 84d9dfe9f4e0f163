"""What each of httpx's errors means to the gateway. Pure.

`StreamError` and its subclasses are left out: httpx raises them for misuse of its own objects. That
is a bug of the gateway and must stay one.
"""

import socket
from collections.abc import Iterator, Mapping
from typing import Final

import httpx

from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.tls import MAYBE_REFUSED

UpstreamError = (httpx.HTTPError, httpx.InvalidURL)

# error: (reason before the head came, reason while the body came, may it have been received?)
READINGS: Final[Mapping[type[Exception], tuple[Reason, Reason, bool]]] = {
    httpx.HTTPError: (Reason.DISCONNECTED, Reason.INCOMPLETE, True),
    httpx.TimeoutException: (Reason.TIMEOUT, Reason.TIMEOUT, True),
    httpx.ConnectTimeout: (Reason.CONNECT_TIMEOUT, Reason.CONNECT_TIMEOUT, False),
    httpx.PoolTimeout: (Reason.TIMEOUT, Reason.TIMEOUT, False),
    httpx.ConnectError: (Reason.REFUSED, Reason.REFUSED, False),
    httpx.ProxyError: (Reason.REFUSED, Reason.REFUSED, False),  # no tunnel
    httpx.RemoteProtocolError: (Reason.PROTOCOL, Reason.PROTOCOL, True),
    httpx.LocalProtocolError: (Reason.BAD_INPUT, Reason.BAD_INPUT, False),
    httpx.UnsupportedProtocol: (Reason.BAD_INPUT, Reason.BAD_INPUT, False),
    httpx.InvalidURL: (Reason.BAD_INPUT, Reason.BAD_INPUT, False),
    httpx.DecodingError: (Reason.ENCODED, Reason.ENCODED, True),
    httpx.TooManyRedirects: (Reason.PROTOCOL, Reason.PROTOCOL, True),
}

_BROKEN_OFF: Final = ("server disconnected", "peer closed connection")  # h11 and httpcore say so


def failure_of(error: Exception, *, head_came: bool, is_tls: bool = False) -> Failed:
    """The outcome that stands for one of `UpstreamError`; the nearest class decides."""
    kind = next(kind for kind in type(error).__mro__ if kind in READINGS)
    before, after, was_sent = READINGS[kind]
    reason = after if head_came else before
    text = str(error)
    if kind is httpx.RemoteProtocolError and text.lower().startswith(_BROKEN_OFF):
        reason = Reason.INCOMPLETE if head_came else Reason.DISCONNECTED
    elif kind is httpx.ConnectError:
        reason = why_unconnected(error)
    detail = f"{type(error).__name__}: {text}"
    if reason is Reason.DISCONNECTED and is_tls:
        detail = f"{detail}; {MAYBE_REFUSED}"
    return Failed(reason, detail=detail, was_sent=was_sent)


def why_unconnected(error: BaseException) -> Reason:
    """Why no connection came about."""
    for cause in _causes_of(error):
        if isinstance(cause, socket.gaierror):
            return Reason.UNRESOLVED
        if "SSL" in str(cause):
            return Reason.PROTOCOL
    return Reason.REFUSED


def _causes_of(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__

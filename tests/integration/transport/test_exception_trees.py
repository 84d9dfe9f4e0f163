"""No exception of httpx goes unmapped: each class has its row; a new one fails here."""

import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest

from bff.engine.values.outcomes import Reason
from bff.upstream.httpx import failures as httpx_failures

BUG = None  # misuse of the library's objects: it is raised


HTTPX = {
    httpx.HTTPError: (Reason.DISCONNECTED, Reason.INCOMPLETE, True),
    httpx.RequestError: (Reason.DISCONNECTED, Reason.INCOMPLETE, True),
    httpx.TransportError: (Reason.DISCONNECTED, Reason.INCOMPLETE, True),
    httpx.TimeoutException: (Reason.TIMEOUT, Reason.TIMEOUT, True),
    httpx.ConnectTimeout: (Reason.CONNECT_TIMEOUT, Reason.CONNECT_TIMEOUT, False),
    httpx.ReadTimeout: (Reason.TIMEOUT, Reason.TIMEOUT, True),
    httpx.WriteTimeout: (Reason.TIMEOUT, Reason.TIMEOUT, True),
    httpx.PoolTimeout: (Reason.TIMEOUT, Reason.TIMEOUT, False),
    httpx.NetworkError: (Reason.DISCONNECTED, Reason.INCOMPLETE, True),
    httpx.ConnectError: (Reason.REFUSED, Reason.REFUSED, False),
    httpx.ReadError: (Reason.DISCONNECTED, Reason.INCOMPLETE, True),
    httpx.WriteError: (Reason.DISCONNECTED, Reason.INCOMPLETE, True),
    httpx.CloseError: (Reason.DISCONNECTED, Reason.INCOMPLETE, True),
    httpx.ProxyError: (Reason.REFUSED, Reason.REFUSED, False),
    httpx.UnsupportedProtocol: (Reason.BAD_INPUT, Reason.BAD_INPUT, False),
    httpx.ProtocolError: (Reason.DISCONNECTED, Reason.INCOMPLETE, True),
    httpx.LocalProtocolError: (Reason.BAD_INPUT, Reason.BAD_INPUT, False),
    httpx.RemoteProtocolError: (Reason.PROTOCOL, Reason.PROTOCOL, True),
    httpx.DecodingError: (Reason.ENCODED, Reason.ENCODED, True),
    httpx.TooManyRedirects: (Reason.PROTOCOL, Reason.PROTOCOL, True),
    httpx.HTTPStatusError: (Reason.DISCONNECTED, Reason.INCOMPLETE, True),
    httpx.InvalidURL: (Reason.BAD_INPUT, Reason.BAD_INPUT, False),
    httpx.CookieConflict: BUG,
    httpx.StreamError: BUG,
    httpx.StreamConsumed: BUG,
    httpx.StreamClosed: BUG,
    httpx.ResponseNotRead: BUG,
    httpx.RequestNotRead: BUG,
}


def of_httpx() -> Iterator[type[Exception]]:
    """Every exception that httpx makes public."""
    for name in httpx.__all__:
        if isinstance(kind := getattr(httpx, name), type) and issubclass(kind, Exception):
            yield kind


@pytest.mark.parametrize("kind", [*of_httpx()], ids=lambda kind: kind.__name__)
def test_every_error_of_httpx_has_its_reason_or_is_a_bug_of_ours(kind: type[Exception]) -> None:
    expected = HTTPX[kind]
    assert issubclass(kind, httpx_failures.UpstreamError) == (expected is not BUG)
    if expected is not BUG:
        error = kind.__new__(kind)
        Exception.__init__(error, "it failed")
        before = httpx_failures.failure_of(error, head_came=False)
        after = httpx_failures.failure_of(error, head_came=True)
        assert (before.reason, after.reason, before.was_sent) == expected
        assert kind.__name__ in before.detail


@pytest.mark.parametrize(
    ("error", "cause", "head_came", "reason"),
    [
        (httpx.ConnectError("x"), socket.gaierror(-2, "unknown"), False, Reason.UNRESOLVED),
        (httpx.ConnectError("x"), ssl.SSLError("[SSL: WRONG_VERSION]"), False, Reason.PROTOCOL),
        (
            httpx.RemoteProtocolError("Server disconnected without sending a response."),
            None,
            False,
            Reason.DISCONNECTED,
        ),
        (
            httpx.RemoteProtocolError("peer closed connection without sending complete message"),
            None,
            True,
            Reason.INCOMPLETE,
        ),
    ],
)
def test_where_httpxs_class_is_not_enough_its_text_and_causes_decide(
    error: Exception, cause: Exception | None, head_came: bool, reason: Reason
) -> None:
    error.__cause__ = cause
    assert httpx_failures.failure_of(error, head_came=head_came).reason is reason

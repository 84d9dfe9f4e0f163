"""The headers that a pass-through forwards, and those that it adds. Pure.

The order is the defence (RFC 9110 §7.6.1). Hop-by-hop headers, and those that `Connection` names,
are removed first. Of the rest a request's headers pass by an allow-list. Then the gateway adds its
own headers, so no client can remove, replace or imitate them.

- Requests are default-deny. `Authorization` passes: a service behind a raw route has no other way
  to identify its caller. `Cookie` and `Set-Cookie` don't pass: cookies belong to the gateway's
  origin, and services must not read or set each other's.
- Replies are default-allow, since the service addresses them to this client. Headers for the next
  hop (`Server`, `Alt-Svc`) are dropped, and those that a proxy in front of the gateway would obey
  (`X-Accel-Redirect`, `X-Sendfile`).
- Framing passes neither way: the gateway makes it from the body.

Each function takes one pass over the headers, which are most of a pass-through's cost in Python.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from bff.engine.ports import Headers
from bff.upstream.guards import content_length

RawHeaders = Sequence[tuple[bytes, bytes]]  # names in lower case, as ASGI has them

FORWARDED: Final = frozenset(
    {
        b"accept",
        b"accept-charset",
        b"accept-encoding",
        b"accept-language",
        b"access-control-request-headers",
        b"access-control-request-method",
        b"authorization",
        b"cache-control",
        b"content-disposition",
        b"content-encoding",
        b"content-language",
        b"content-type",
        b"idempotency-key",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"last-event-id",
        b"origin",
        b"pragma",
        b"prefer",
        b"range",
        b"traceparent",
        b"tracestate",
        b"user-agent",
        b"x-requested-with",
    }
)

HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

_NOT_FOR_CLIENTS: Final = frozenset(
    {
        "alt-svc",
        "content-length",  # framing; the pass-through adds it where it holds
        "server",
        "set-cookie",
        "set-cookie2",
        "via",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-expires",
        "x-accel-limit-rate",
        "x-accel-redirect",
        "x-aspnet-version",
        "x-aspnetmvc-version",
        "x-powered-by",
        "x-request-id",  # the gateway's own goes out
        "x-sendfile",
    }
)

_DROPPED: Final = HOP_BY_HOP | _NOT_FOR_CLIENTS

_FORWARDED_NAMES: Final = {name: name.decode() for name in FORWARDED}

# The usual values of `Connection`, which name no header.
_NAMES_NOTHING: Final = frozenset({"keep-alive", "close", b"keep-alive", b"close"})


class ClientInfo(NamedTuple):
    """The sender of a request, as the gateway's socket knows it; `host` is its `Host` header."""

    address: str | None
    scheme: str
    host: str | None


class Framing(NamedTuple):
    """How a reply's body ends: after `length` bytes, or by its transfer coding (RFC 9112 §6.1)."""

    length: int | None
    coding: str | None


def request_headers(
    received: RawHeaders, client: ClientInfo, request_id: str
) -> list[tuple[str, str]]:
    """The headers that go to the service, without framing."""
    sent = []
    named: set[str] = set()
    for raw_name, value in received:
        name = _FORWARDED_NAMES.get(raw_name)
        if name is not None:
            sent.append((name, value.decode("latin-1")))
        elif raw_name == b"connection" and value not in _NAMES_NOTHING:
            named |= _named_by(value.decode("latin-1"))
    if named:
        sent = [header for header in sent if header[0] not in named]
    sent.append(("x-request-id", request_id))
    sent.append(("x-forwarded-proto", client.scheme))
    if client.address is not None:
        sent.append(("x-forwarded-for", client.address))
    if client.host is not None:
        sent.append(("x-forwarded-host", client.host))
    sent.append(("via", "1.1 bff"))  # RFC 9110 §7.6.3: a gateway must
    return sent


def reply_headers(received: Headers) -> tuple[list[tuple[bytes, bytes]], Framing]:
    """The headers that go to the client, without framing, and the framing of the reply."""
    passed = []
    named: set[str] = set()
    length: int | None = None
    coding: str | None = None
    for name, value in received:
        if name not in _DROPPED:
            passed.append((name.encode("latin-1"), value.encode("latin-1")))
        elif name == "content-length":
            length = content_length(value)
        elif name == "transfer-encoding":
            coding = value if coding is None else f"{coding}, {value}"
        elif name == "connection" and value not in _NAMES_NOTHING:
            named |= _named_by(value)
    if named:
        hidden = {name.encode("latin-1") for name in named}
        passed = [header for header in passed if header[0] not in hidden]
    # A coding overrides a length (RFC 9112 §6.3).
    return passed, Framing(length if coding is None else None, coding)


def _named_by(connection: str) -> set[str]:
    return {token.strip() for token in connection.lower().split(",")}

"""Which headers a pass-through forwards, and which are its own. Pure.

The order is the defence (RFC 9110 §7.6.1): what is hop-by-hop, or named by `Connection`, goes
first; of the rest a request's headers pass by an allow-list; only then come ours, which nothing
that a client sends can remove, replace or imitate.

- Requests are default-deny. `Authorization` passes: a service behind a raw route has nobody else
  to identify its caller by. `Cookie` doesn't, nor does `Set-Cookie` come back: cookies belong to
  the gateway's own origin, on which services must not read or set each other's.
- Replies are default-allow, since they are what the service says to this client, without what is
  said to the next hop (`Server`, `Alt-Svc`) or would be obeyed by a proxy in front of the gateway
  (`X-Accel-Redirect`, `X-Sendfile`).
- Framing passes neither way: it is made anew from the body.

Each function takes one pass over the headers, since a pass-through costs little else in Python.
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

# What `Connection` nearly always says; it names no header then.
_NAMES_NOTHING: Final = frozenset({"keep-alive", "close", b"keep-alive", b"close"})


class ClientInfo(NamedTuple):
    """Who sent the request, as the gateway's own socket knows it; `host` is its `Host` header."""

    address: str | None
    scheme: str
    host: str | None


class Framing(NamedTuple):
    """How a reply's body ends: after `length` bytes, or as `coding` (RFC 9112 §6.1) says."""

    length: int | None
    coding: str | None


def request_headers(
    received: RawHeaders, client: ClientInfo, request_id: str
) -> list[tuple[str, str]]:
    """What goes to the service, framing aside."""
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
    """What goes back to the client, framing aside, and the framing that it had."""
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

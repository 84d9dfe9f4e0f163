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

from functools import lru_cache
from typing import Final, NamedTuple

from bff.engine.ports import Headers
from bff.upstream.guards import content_length

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
        b"user-agent",
        b"x-requested-with",
    }
)

HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

_NOT_FOR_CLIENTS: Final = frozenset(
    {
        b"alt-svc",
        b"content-length",  # framing; the pass-through adds it where it holds
        b"date",  # every server adds its own, and some of them one beside ours; as nginx
        b"server",
        b"set-cookie",
        b"set-cookie2",
        b"via",
        b"x-accel-buffering",
        b"x-accel-charset",
        b"x-accel-expires",
        b"x-accel-limit-rate",
        b"x-accel-redirect",
        b"x-aspnet-version",
        b"x-aspnetmvc-version",
        b"x-powered-by",
        b"x-request-id",  # the gateway's own goes out
        b"x-sendfile",
    }
)

_DROPPED: Final = HOP_BY_HOP | _NOT_FOR_CLIENTS

# The usual values of `Connection`, which name no header.
_NAMES_NOTHING: Final = frozenset({b"keep-alive", b"close"})

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})

# How CGI, and servers that follow it, spell a name: `X_Sendfile` is `X-Sendfile` to them.
_FOLDED: Final = bytes.maketrans(b"_.", b"--")


class ClientInfo(NamedTuple):
    """The sender of a request, as the gateway's socket knows it; `host` is its `Host` header."""

    address: bytes | None
    scheme: bytes
    host: bytes | None


def request_headers(received: Headers, client: ClientInfo) -> list[tuple[bytes, bytes]]:
    """The headers that go to the service, without framing and those of its trace."""
    sent = []
    for header in received:
        if header[0] in FORWARDED:
            sent.append(header)
        elif header[0] == b"connection" and header[1] not in _NAMES_NOTHING:
            return request_headers(_without_named(received), client)
    sent.append((b"x-forwarded-proto", client.scheme))
    if client.address is not None:
        sent.append((b"x-forwarded-for", client.address))
    if client.host is not None:
        sent.append((b"x-forwarded-host", client.host))
    sent.append((b"via", b"1.1 bff"))  # RFC 9110 §7.6.3: a gateway must
    return sent


def reply_headers(received: Headers) -> tuple[list[tuple[bytes, bytes]], int | None]:
    """The headers that go to the client, without framing, and the declared length of the body;
    None where a transfer coding frames it, or nothing does (RFC 9112 §6.3)."""
    passed = []
    length: int | None = None
    is_coded = False
    for header in received:
        name, value = header
        if _passes(name):
            passed.append(header)
        elif name == b"content-length":
            length = content_length(value)
        elif name == b"transfer-encoding":
            is_coded = True
        elif name == b"connection" and value not in _NAMES_NOTHING:
            return reply_headers(_without_named(received))
    return passed, None if is_coded else length


@lru_cache(1024)
def _passes(name: bytes) -> bool:
    """Whether a reply's header goes to the client."""
    return name.translate(_FOLDED) not in _DROPPED


def _without_named(received: Headers) -> Headers:
    """The headers without `Connection` and those that it names, but for framing."""
    named = {b"connection"}
    for name, value in received:
        if name == b"connection":
            named.update(token.strip() for token in value.lower().split(b","))
    named -= _FRAMING
    return [header for header in received if header[0] not in named]

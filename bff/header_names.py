"""Names of headers that mean something to the gateway, in lower case. Imports nothing: every floor
may know them."""

# What a route's requests pass on, beside what the route names.
FORWARDED = frozenset({
    "accept", "accept-charset", "accept-encoding", "accept-language",
    "access-control-request-headers", "access-control-request-method", "authorization",
    "cache-control", "content-disposition", "content-encoding", "content-language", "content-type",
    "idempotency-key", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "last-event-id", "origin", "pragma", "prefer", "range", "user-agent",
    "x-requested-with",
})  # fmt: skip

# What the gateway sends of the request that a call is made for.
TRACE = frozenset({"traceparent", "tracestate", "x-request-id"})

# They belong to one connection (RFC 9110 §7.6.1).
HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info",
    "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip

# They frame a message, or name its receiver: whoever sends the message writes them.
FRAMING = frozenset({"content-length", "expect", "host", "http2-settings"})

# What a route's replies lack, unless the route names it.
NOT_FOR_CLIENTS = frozenset({
    "alt-svc",
    "content-length",  # framing; the pass-through adds it where it holds
    "date",  # every server adds its own, and some of them one beside ours; as nginx
    "server", "set-cookie", "set-cookie2", "via", "x-accel-buffering", "x-accel-charset",
    "x-accel-expires", "x-accel-limit-rate", "x-accel-redirect", "x-aspnet-version",
    "x-aspnetmvc-version", "x-powered-by",
    "x-request-id",  # the gateway's own goes out
    "x-sendfile",
})  # fmt: skip

# How CGI, and servers that follow it, spell a name: `X_Sendfile` is `X-Sendfile` to them.
_FOLDED = str.maketrans("_.", "--")
FOLDED = bytes.maketrans(b"_.", b"--")  # for names that are bytes, in lower case


def folded(name: str) -> str:
    """The one spelling of all names that some server takes for the same."""
    return name.lower().translate(_FOLDED)

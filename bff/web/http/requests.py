"""A request as the handlers see it, whichever host it came through.

A request holds what its host has at hand; headers are scanned when they are read. May not know
ASGI, WSGI or Flask.
"""

import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from random import getrandbits
from typing import Any, Final, Protocol
from urllib.parse import quote

from bff.engine.values.trace import Trace, read_context
from bff.web.http.destination import NOWHERE, Destination
from bff.web.http.quotas import Quota

RawHeaders = Sequence[tuple[bytes, bytes]]  # names in lower case

# Keys in an ASGI scope: set by the ASGI host for the app behind it, which finds the scope in its
# environ; set by that app when it has logged the request itself.
BEHIND_EDGE = "bff.edge"
LOGGED = "bff.logged"
# The request's body, set by the ASGI host too: what `IncomingBody` is, or None where there is none.
REQUEST_BODY = "bff.body"

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# RFC 3986 §3.2.2: a name or IPv4 address, or an IPv6 address in brackets; then perhaps a port. No
# comma: a WSGI server may join two lines by one.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_MOST_KNOWN_HOSTS = 64
_known_hosts: set[bytes] = set()  # a match takes 0.5 µs, and most requests name the same few hosts


class ClientGone(Exception):
    """The client left before its request's body was there; there is nobody to answer."""


class SlowBody(ClientGone):
    """The client sends its request's body so slowly that the host does not wait for the rest."""


class Tracing(Protocol):
    """What becomes of requests' traces."""

    def trace_of(self, request: "GatewayRequest") -> Trace:
        """The trace of a request."""


class PassingOn:
    """Traces go on as clients begin them: nobody records spans."""

    def trace_of(self, request: "GatewayRequest") -> Trace:
        """See `Tracing.trace_of`."""
        parent = request.header_list(b"traceparent")
        state = None if parent is None else request.header_list(b"tracestate")
        return Trace(request.request_id, read_context(parent, state))


PASSING_ON: Final = PassingOn()


class GatewayRequest:
    """One request from a client.

    `raw_path` and `raw_query` are percent-encoded as they came, bytes above 127 as latin-1 text.
    `body` is None where the request has none; it can be read once, and raises `ClientGone`.
    `client_host` and `scheme` are the connection's, or what trusted proxies report
    (`bff.web.http.forwarding`); `forwarded_host` is what these report as the `Host`, else None.
    `subject` is the caller's, once one is identified.
    `destination` is the endpoint that it is for, once this is known.
    `is_trusted`: a trusted proxy sent it; `tracing` makes its trace.
    `at_work` counts it where it takes waiting; None where nobody counts, or it takes none.
    `can_switch`: its host can give the connection to another protocol.
    `single` is given where the host has it: `dict(headers)`.
    """

    __slots__ = (
        "_trace",
        "at_work",
        "body",
        "can_switch",
        "client_host",
        "destination",
        "forwarded_host",
        "headers",
        "is_trusted",
        "method",
        "quota",
        "raw_path",
        "raw_query",
        "request_id",
        "scheme",
        "single",
        "started_at",
        "subject",
        "tracing",
        "version",
    )

    def __init__(
        self,
        method: str,
        raw_path: str,
        raw_query: str,
        headers: RawHeaders,
        body: AsyncIterator[bytes] | None = None,
        scheme: str = "http",
        client_host: str | None = None,
        version: str = "1.1",
        can_switch: bool = False,
        single: dict[bytes, bytes] | None = None,
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.raw_query = raw_query
        self.headers = headers
        self.body = body
        self.scheme = scheme
        self.client_host = client_host
        self.forwarded_host: bytes | None = None
        self.destination: Destination = NOWHERE
        self.at_work: list[float] | None = None
        self.subject: str | None = None
        self.is_trusted = False
        self.tracing: Tracing = PASSING_ON
        self._trace: Trace | None = None
        self.version = version
        self.can_switch = can_switch
        self.quota: Quota | None = None
        self.started_at = time.perf_counter()
        # One pass in C. Of a header that came twice it has the last line, so it serves those that
        # may not come twice; see `header_list` for others.
        self.single = dict(headers) if single is None else single
        wanted_id = self.single.get(b"x-request-id")
        if wanted_id is not None and _REQUEST_ID.fullmatch(wanted_id):
            self.request_id = wanted_id
        else:
            # Unique, not secret: `urandom` is a system call, of 1 to 2 µs.
            self.request_id = b"%032x" % getrandbits(128)

    @property
    def trace(self) -> Trace:
        """Its trace, which is made once somebody asks for it."""
        trace = self._trace
        if trace is None:
            trace = self._trace = self.tracing.trace_of(self)
        return trace

    @property
    def moves(self) -> int:
        """How many attempts of its calls found no connection, and went on to another instance."""
        return 0 if self._trace is None else self._trace.moves

    @property
    def trace_id(self) -> bytes:
        """The id of its trace: 32 hexadecimal digits."""
        return self.request_id if self.has_new_trace else self.trace.trace_id

    @property
    def has_new_trace(self) -> bool:
        """Whether its trace is not made yet, and will have the request's own id. Most hits need
        none."""
        single = self.single
        return (
            self._trace is None
            and b"traceparent" not in single
            and single.get(b"x-request-id") is not self.request_id
        )

    @property
    def has_own_id(self) -> bool:
        """Whether the gateway made the request's id: 32 hexadecimal digits."""
        return self.single.get(b"x-request-id") is not self.request_id

    def header_values(self, name: str) -> list[str]:
        """Every value of the header called `name` (in lower case), in order."""
        wanted = name.encode("latin-1")
        return [value.decode("latin-1") for key, value in self.headers if key == wanted]

    def header_list(self, name: bytes) -> bytes | None:
        """The header called `name` (in lower case), its lines joined by commas (RFC 9110 §5.3);
        None where there is none. For headers that are lists."""
        if len(self.single) == len(self.headers):  # no header has two lines
            return self.single.get(name)
        values = [value for key, value in self.headers if key == name]
        return b", ".join(values) if values else None

    @property
    def host(self) -> bytes | None:
        """The host that the client asked, as trusted proxies report it, else its `Host`."""
        return self.forwarded_host or self.single.get(b"host")

    def has_good_host(self) -> bool:
        """Whether `Host` is there once and names a host (RFC 9112 §3.2). HTTP/1.0 may have none,
        HTTP/2 has `:authority` instead."""
        host = self.single.get(b"host")
        if host in _known_hosts and len(self.single) == len(self.headers):
            return True
        if not host:  # granian gives an empty one where there is none
            return self.version != "1.1"
        if self._has_two(b"host") or not is_host(host):
            return False
        if len(_known_hosts) < _MOST_KNOWN_HOSTS:
            _known_hosts.add(host)
        return True

    def _has_two(self, name: bytes) -> bool:
        return sum(each == name for each, _ in self.headers) > 1

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the request was seen."""
        return (time.perf_counter() - self.started_at) * 1000


def is_host(text: bytes) -> bool:
    """Whether a text is a host's name or its address, perhaps with a port (RFC 9112 §3.2)."""
    return len(text) <= 255 and _HOST.fullmatch(text) is not None


def raw_path_in(scope: Mapping[str, Any]) -> str:
    """The path in an ASGI scope below its mount point, as it came, percent-encoded. A server need
    not have stored it."""
    raw_path: bytes | None = scope.get("raw_path")
    path = quote(scope["path"]) if raw_path is None else raw_path.decode("latin-1")
    root = scope.get("root_path")
    return path.removeprefix(quote(root)) if root else path


def without_underscores(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """The headers without those whose names hold an underscore.

    CGI's spelling folds `X_User` into `X-User`, so a reader of the one may get the other. nginx,
    gunicorn and werkzeug drop them too.
    """
    return [header for header in headers if b"_" not in header[0]]

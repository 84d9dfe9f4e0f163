"""A request as the handlers see it, whichever host it came through.

Holds only what a host has at hand anyway; headers are scanned when somebody asks. May not know
ASGI, WSGI or Flask.
"""

import re
import time
from collections.abc import AsyncIterator, Sequence
from random import getrandbits

RawHeaders = Sequence[tuple[bytes, bytes]]  # names in lower case

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class ClientGone(Exception):
    """The client left before its request's body was there; there is nobody to answer."""


class GatewayRequest:
    """One request from a client.

    `raw_path` and `raw_query` are percent-encoded as they came, bytes above 127 as latin-1 text.
    `body` is None where the request has none; it can be read once, and raises `ClientGone`.
    """

    __slots__ = (
        "body",
        "client_host",
        "headers",
        "method",
        "raw_path",
        "raw_query",
        "request_id",
        "scheme",
        "single",
        "started_at",
    )

    def __init__(
        self,
        method: str,
        raw_path: str,
        raw_query: str,
        headers: RawHeaders,
        *,
        body: AsyncIterator[bytes] | None = None,
        scheme: str = "http",
        client_host: str | None = None,
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.raw_query = raw_query
        self.headers = headers
        self.body = body
        self.scheme = scheme
        self.client_host = client_host
        self.started_at = time.perf_counter()
        # One pass in C; of headers that came twice it keeps the last, so it is only for those
        # that may not come twice.
        self.single = dict(headers)
        wanted_id = self.single.get(b"x-request-id")
        if wanted_id is not None and _REQUEST_ID.fullmatch(wanted_id):
            self.request_id = wanted_id
        else:
            # Told apart, not secret: `urandom` is a system call, of 1 to 2 µs.
            self.request_id = b"%032x" % getrandbits(128)

    def header_values(self, name: str) -> list[str]:
        """Every value of the header called `name` (in lower case), in order."""
        wanted = name.encode("latin-1")
        return [value.decode("latin-1") for key, value in self.headers if key == wanted]

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the request was seen."""
        return (time.perf_counter() - self.started_at) * 1000


def without_underscores(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """The headers without those whose names hold an underscore.

    CGI's spelling folds `X_User` into `X-User`, so whoever reads the one may be told the other;
    nginx, gunicorn and werkzeug drop them too.
    """
    return [header for header in headers if b"_" not in header[0]]

"""What a request's calls to services say of where they come from, for logs and traces.

Rules:
1. `X-Request-ID` is the request's own.
2. A `traceparent` of the client's that is well formed (W3C Trace Context) goes on, and its
   `tracestate` with it: the gateway records no spans, so the client's span stays the parent of the
   services'. Of a version after 00 the part goes on that 00 has, as 00 (§4.3 there). Where there is
   none, the request begins a trace, in which each call has a span of its own. The trace's id is the
   request's, where that can be one: the gateway's own are.
3. None of this is in a key. A reply that others share has the trace of whoever asked first.
4. What an operation's params state themselves takes the place of this.
"""

import re
from collections.abc import Collection
from random import getrandbits
from typing import Final

from bff.header_names import TRACE

TRACE_HEADERS: Final = frozenset(name.encode() for name in TRACE)

_PART: Final = rb"(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})"
# A later version may have more behind its flags, and ff is none.
_PARENT: Final = re.compile(rb"00%b|(?!00|ff)[0-9a-f]{2}%b(?:-.*)?" % (_PART, _PART))
_ID: Final = re.compile(rb"(?!0{32})[0-9a-f]{32}").fullmatch
_STATE: Final = re.compile(rb"[\x20-\x7e\t]{1,512}")  # as much as everybody has to pass on


class Trace:
    """The trace of one request. Immutable."""

    __slots__ = ("_lines", "_start")

    def __init__(
        self, request_id: bytes, parent: bytes | None = None, state: bytes | None = None
    ) -> None:
        """`parent` and `state` are the client's `traceparent` and `tracestate`, whatever they
        hold."""
        self._start = self._lines = b""
        found = _PARENT.fullmatch(parent) if parent is not None else None
        if found is not None:
            part = found[1] or found[2]
            lines = b"x-request-id: %b\r\ntraceparent: 00%b\r\n" % (request_id, part)
            if state is not None and _STATE.fullmatch(state):
                lines += b"tracestate: %b\r\n" % state
            self._lines = lines
        else:
            # Random, not secret: `urandom` is a system call.
            trace_id = request_id if _ID(request_id) else b"%032x" % (getrandbits(128) or 1)
            self._start = b"x-request-id: %b\r\ntraceparent: 00-%b-" % (request_id, trace_id)

    def lines(self) -> bytes:
        """The lines of one call on the wire, each with its end."""
        # Sampled (01): by another flag, services that go by their caller's would record nothing.
        return self._lines or b"%b%016x-01\r\n" % (self._start, getrandbits(64) or 1)

    def headers(self, stated: Collection[bytes] = ()) -> list[tuple[bytes, bytes]]:
        """The same as headers, without those that a call has `stated` itself."""
        found = []
        for line in self.lines().splitlines():
            name, _, value = line.partition(b": ")
            if name not in stated and not (name == b"tracestate" and b"traceparent" in stated):
                found.append((name, value))
        return found

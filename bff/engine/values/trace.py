"""The headers of calls that name their request and its trace, for logs and traces.

Rules:
1. `X-Request-ID` is the id of the request.
2. Where no spans are recorded, services get the client's well-formed `traceparent` (W3C Trace
   Context) and its `tracestate`: the client's span stays the parent of theirs. Of a version after
   00, the part that 00 has is sent, as 00 (§4.3 there). Without one, the request begins a trace, in
   which each call has a span id of its own. The trace's id is the request's id, where that can be
   one; ids that the gateway makes can.
3. Where spans are recorded (`bff.engine.values.recorded_trace`), each attempt sends its own span.
4. No cache key depends on this. A shared reply has the trace of the request that asked first.
5. A param of the operation replaces a header of the same name.
"""

import re
from collections.abc import Collection
from random import getrandbits
from typing import Any, Final, NamedTuple

from bff.header_names import TRACE

TRACE_HEADERS: Final = frozenset(name.encode() for name in TRACE)

_PART: Final = rb"-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})"
# A later version may have more behind its flags, and ff is none.
_PARENT: Final = re.compile(rb"00%b|(?!00|ff)[0-9a-f]{2}%b(?:-.*)?" % (_PART, _PART))
_ID: Final = re.compile(rb"(?!0{32})[0-9a-f]{32}")
_STATE: Final = re.compile(rb"[\x20-\x7e\t]{1,512}")  # as much as everybody has to pass on


class SpanContext(NamedTuple):
    """The context of a span: 32, 16 and 2 hexadecimal digits, and the `tracestate`."""

    trace_id: bytes
    span_id: bytes
    flags: bytes
    state: bytes = b""

    @property
    def is_sampled(self) -> bool:
        """Whether the sender may have recorded the span."""
        return bool(int(self.flags, 16) & 1)


def context_lines(trace_id: bytes, span_id: bytes, flags: bytes, state: bytes) -> bytes:
    """A `SpanContext` on the wire: its lines, each with its end."""
    more = b"tracestate: %b\r\n" % state if state else b""
    return b"traceparent: 00-%b-%b-%b\r\n%b" % (trace_id, span_id, flags, more)


def read_context(parent: bytes | None, state: bytes | None) -> SpanContext | None:
    """The span that a `traceparent` names, with its `tracestate`; None where it is malformed."""
    found = None if parent is None else _PARENT.fullmatch(parent)
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()[:3] if found[1] else found.groups()[3:]
    is_good = state is not None and _STATE.fullmatch(state)
    return SpanContext(trace_id, span_id, flags, state or b"" if is_good else b"")


def is_trace_id(text: bytes) -> bool:
    """Whether a trace may have this id."""
    return _ID.fullmatch(text) is not None


def new_trace_id() -> bytes:
    """The id of a new trace: random but not secret, since `urandom` takes a system call."""
    return b"%032x" % (getrandbits(128) or 1)


def new_span_id() -> bytes:
    """The id of a new span."""
    return b"%016x" % (getrandbits(64) or 1)


class Trace:
    """The trace of one request without recorded spans. `moves` counts the attempts that found no
    connection, after which the call went to another instance."""

    __slots__ = ("_lines", "_start", "moves", "trace_id")

    is_sampled = False  # nothing is recorded of it

    def __init__(self, request_id: bytes, parent: SpanContext | None = None) -> None:
        """`parent` is the client's span."""
        own = b"x-request-id: %b\r\n" % request_id
        self.moves = 0
        self._start = self._lines = b""
        if parent is not None:
            self.trace_id = parent.trace_id
            self._lines = own + context_lines(*parent)
        else:
            self.trace_id = request_id if is_trace_id(request_id) else new_trace_id()
            self._start = b"%btraceparent: 00-%b-" % (own, self.trace_id)

    @property
    def is_running(self) -> bool:
        """Whether its run has not ended: a run may go on after its request."""
        return False

    def lines(self) -> bytes:
        """The lines of one call on the wire, each with its end."""
        # Sampled (01): with another flag, services that follow their caller would record nothing.
        return self._lines or b"%b%b-01\r\n" % (self._start, new_span_id())

    def headers(self, stated: Collection[bytes] = ()) -> list[tuple[bytes, bytes]]:
        """The same as headers, without those that a call has `stated` itself."""
        found = []
        for line in self.lines().splitlines():
            name, _, value = line.partition(b": ")
            if name not in stated and not (name == b"tracestate" and b"traceparent" in stated):
                found.append((name, value))
        return found

    def count_move(self) -> None:
        """An attempt found no connection, and the call goes to another instance."""
        self.moves += 1

    def of_attempt(self, _: str) -> "Trace":
        """The trace of one exchange with an instance, for a step by its name or for a route."""
        return self

    def of_refresh(self) -> "Trace":
        """The trace of a refresh in the background that the request causes."""
        return self

    def end_refresh(self, error: str) -> None:
        """The refresh of a reply in the background has ended. `error` is the word of the reason why
        it failed, else ""."""

    def begin_cache(self) -> None:
        """Memory lacks the entry: the rest of the cache is asked."""

    def end_cache(self, maker: "Trace | None") -> None:
        """The cache has answered; `maker` is the trace of the request whose run was shared."""

    def begin_run(self, composition: str, started_at: float) -> None:
        """The request's run began; seconds of `perf_counter`."""

    def end_run(self, end: Any) -> None:
        """The run has ended; `end` is a `RunEnd`."""

"""The notes of a request, from which its spans are built once its reply is out.

    RecordedTrace    the trace of a request, or of a refresh in the background
    AttemptTrace     the trace of one exchange, with the id of the span that its `traceparent` names

Rules:
1. A span has an id before its end only where something must name it: an attempt, since a service
   gets the id; a run, since other requests that wait for it link to it; and a request, where a
   refresh in the background links to it.
2. Notes are times, names of the project and statuses: no values and no bodies.
3. A request notes `MOST_ATTEMPTS` attempts, and counts further ones.
4. A run may go on after its request, whose client has left. The spans wait for the end of both.

Only the event loop notes. `when_run_ends` is safe from any thread. `bff.telemetry.traces` sends the
spans.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol, assert_never

from msgspec import Struct, structs

from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CutRun,
    Degradation,
    RunEnd,
    StepTiming,
)
from bff.engine.values.trace import SpanContext, Trace, context_lines, new_span_id
from bff.plan.model.caching import PurgedTags

MOST_ATTEMPTS: Final = 256

_SAMPLED: Final = frozenset((b"01", b"03"))  # of two bits; see `RecordedTrace.flags`


class Attempt(Struct, frozen=True):
    """One exchange with an instance. Times are seconds of `perf_counter`. `operation` and its path
    `template` are "" for a route. `status` is None where no reply came. `error` is the word of the
    reason, "" without an error."""

    span_id: bytes
    step: str
    service: str
    method: str
    operation: str
    template: str
    host: str
    port: str
    started_at: float
    ended_at: float
    status: int | None
    error: str


class RecordedRun:
    """A run of a composition; or, where `composition` is "", a call whose reply others share. Times
    are seconds of `perf_counter`; `ended_at` is 0 until the end. `error` is why the run has no good
    result: a status from 500 on, the word of a reason, "bug" or "cancelled"; else ""."""

    __slots__ = ("composition", "ended_at", "error", "failures", "purges", "span_id",
                 "started_at", "timings")  # fmt: skip

    def __init__(self, composition: str, started_at: float) -> None:
        self.composition = composition
        self.span_id = new_span_id()
        self.started_at = started_at
        self.ended_at = 0.0
        self.timings: tuple[StepTiming, ...] = ()
        self.failures: tuple[Degradation, ...] = ()
        self.purges: PurgedTags = ()
        self.error = ""

    @property
    def is_failed(self) -> bool:
        """Whether the run ended with an error. A cancelled run did not: no request waited for
        it."""
        return self.error not in ("", "cancelled")


class Tracer(Protocol):
    """Makes traces."""

    def trace_of_refresh(self, cause: "RecordedTrace") -> "RecordedTrace":
        """The trace of a refresh in the background, which a request caused."""


class RecordedTrace(Trace):
    """The trace of a request whose spans may be kept. `parent` is the span of a trusted caller.
    `link` is the span of another client, or, for a refresh, that of the request that caused it.
    `flags` are two hexadecimal digits: 1, the trace is sampled; 2, its id is random."""

    # Defaults of the class, since a hit sets none of them: slots would cost it 0.3 µs.
    moves = 0
    is_refresh = False
    run: RecordedRun | None = None
    cache_asked_at = 0.0  # of `perf_counter`; 0: memory answered, or there is no cache
    cache_answered_at = 0.0
    shares: SpanContext | None = None  # the run of another request that this one waited for
    lost_attempts = 0
    _attempts: list[Attempt] | None = None
    _span_id = b""

    def __init__(
        self,
        tracer: Tracer,
        request_id: bytes,
        trace_id: bytes,
        flags: bytes,
        parent: SpanContext | None = None,
        link: SpanContext | None = None,
    ) -> None:
        self.tracer = tracer
        self.request_id = request_id
        self.trace_id = trace_id
        self.flags = flags
        self.is_sampled = flags in _SAMPLED
        self.parent = parent
        self.link = link

    @property
    def span_id(self) -> bytes:
        """The id of the request's own span."""
        self._span_id = self._span_id or new_span_id()
        return self._span_id

    @property
    def attempts(self) -> list[Attempt]:
        """The finished exchanges with instances, in the order of their ends."""
        return self._attempts or []

    @property
    def is_running(self) -> bool:
        """See `Trace.is_running`."""
        return self.run is not None and not self.run.ended_at

    def when_run_ends(self, act: Callable[[], None]) -> None:
        """Call `act` once: at the end of the run, or now where the run has ended. Safe from any
        thread."""
        self._on_run_end = act
        if not self.is_running:
            self._report_end()

    def note(self, attempt: Attempt) -> None:
        """Note a finished exchange."""
        if self._attempts is None:
            self._attempts = []
        if len(self._attempts) < MOST_ATTEMPTS:
            self._attempts.append(attempt)
        else:
            self.lost_attempts += 1

    def note_break(self, span_id: bytes, error: str) -> None:
        """The body of a reply broke off, after its exchange was noted."""
        for place, attempt in enumerate(self.attempts):
            if attempt.span_id == span_id:
                ended_at = time.perf_counter()
                self.attempts[place] = structs.replace(attempt, ended_at=ended_at, error=error)

    def lines(self) -> bytes:
        """See `Trace.lines`; for calls that are not observed."""
        return self.lines_of(new_span_id())

    def lines_of(self, span_id: bytes) -> bytes:
        """The lines of the call that has this span."""
        state = b"" if self.parent is None else self.parent.state
        context = context_lines(self.trace_id, span_id, self.flags, state)
        return b"x-request-id: %b\r\n%b" % (self.request_id, context)

    def of_attempt(self, step: str) -> Trace:
        """See `Trace.of_attempt`."""
        return AttemptTrace(self, step)

    def of_refresh(self) -> Trace:
        """See `Trace.of_refresh`."""
        return self.tracer.trace_of_refresh(self)

    def begin_cache(self) -> None:
        """See `Trace.begin_cache`."""
        self.cache_asked_at = time.perf_counter()

    def end_cache(self, maker: Trace | None) -> None:
        """See `Trace.end_cache`."""
        self.cache_answered_at = time.perf_counter()
        if isinstance(maker, RecordedTrace) and maker is not self and maker.run is not None:
            self.shares = SpanContext(maker.trace_id, maker.run.span_id, maker.flags)

    def begin_run(self, composition: str, started_at: float) -> None:
        """See `Trace.begin_run`."""
        self.run = RecordedRun(composition, started_at)

    def end_run(self, end: RunEnd) -> None:
        """See `Trace.end_run`."""
        run = self.run
        if run is None:
            return
        run.timings = end.timings
        error = ""
        match end:
            case CompositionPayload():
                run.failures, run.purges = end.degraded, end.purges
            case CompositionFailure():
                run.failures, run.purges = end.failures, end.purges
                error = str(end.status) if end.status >= 500 else ""
            case CutRun():
                error = end.by
            case _:
                assert_never(end)
        self._end(run, error)

    def end_refresh(self, error: str) -> None:
        """See `Trace.end_refresh`."""
        if self.run is not None:
            self._end(self.run, error)

    def _end(self, run: RecordedRun, error: str) -> None:
        run.error = error
        run.ended_at = time.perf_counter()  # last, since another thread may build the spans
        self._report_end()

    def _report_end(self) -> None:
        act = self.__dict__.pop("_on_run_end", None)  # in one step: two threads may come here
        if act is not None:
            act()


class AttemptTrace(Trace):
    """The trace of one exchange with an instance."""

    __slots__ = ("span_id", "step", "trace")

    def __init__(self, trace: RecordedTrace, step: str) -> None:
        self.trace = trace
        self.step = step
        self.span_id = new_span_id()
        self.trace_id = trace.trace_id

    def lines(self) -> bytes:
        """See `Trace.lines`."""
        return self.trace.lines_of(self.span_id)

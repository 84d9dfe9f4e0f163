"""Which context a request's trace has, and which requests are kept."""

import time

import pytest

from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.recorded_trace import MOST_ATTEMPTS, RecordedTrace
from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CutRun,
    Degradation,
    RunEnd,
)
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.traces.sampling import Sampler
from bff.telemetry.traces.sender import MOST_SPANS
from bff.telemetry.traces.settings import TraceSettings
from bff.upstream.observed import ObservedCall, server_at
from bff.web.http.replies import Account, PayloadOutcome, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.telemetry.tracer import RequestTracer

TRACE_ID, SPAN_ID = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"
LOW, HIGH = b"a" * 16 + b"1" * 16, b"a" * 16 + b"e" * 16  # below and above one half


def tracer(sampler: Sampler, slow_seconds: float = 60.0) -> RequestTracer:
    settings = TraceSettings("http://127.0.0.1:9", sampler=sampler)
    return RequestTracer(settings, Metrics(), slow_seconds, "r1")


def request(
    parent: bytes | None = None, *, trusted: bool = False, request_id: bytes | None = None
) -> GatewayRequest:
    headers = [(b"host", b"shop.example")]
    if parent is not None:
        headers += [(b"traceparent", parent), (b"tracestate", b"a=1")]
    if request_id is not None:
        headers.append((b"x-request-id", request_id))
    made = GatewayRequest("GET", "/", "", headers)
    made.is_trusted = trusted
    return made


def context(trace_id: bytes = TRACE_ID, flags: bytes = b"01") -> bytes:
    return b"00-%b-%b-%b" % (trace_id, SPAN_ID, flags)


def trace(sampler: Sampler, made: GatewayRequest) -> RecordedTrace:
    made.tracing = tracer(sampler)
    found = made.trace
    assert isinstance(found, RecordedTrace)
    assert made.trace is found
    assert made.trace_id == found.trace_id
    return found


@pytest.mark.parametrize(
    ("sampler", "parent", "flags"),
    [
        (Sampler(True, 0.0), context(flags=b"01"), b"01"),
        (Sampler(True, 1.0), context(flags=b"00"), b"00"),
        (Sampler(True, 1.0), context(flags=b"02"), b"02"),  # the id is random, says level 2
        (Sampler(True, 1.0), context(flags=b"ff"), b"03"),
        (Sampler(False, 0.0), context(flags=b"03"), b"02"),
        (Sampler(False, 1.0), context(flags=b"00"), b"01"),
        (Sampler(False, 0.5), context(LOW, b"00"), b"01"),
        (Sampler(False, 0.5), context(HIGH, b"01"), b"00"),
    ],
)
def test_trusted_callers_flags_count_as_the_sampler_says(
    sampler: Sampler, parent: bytes, flags: bytes
) -> None:
    found = trace(sampler, request(parent, trusted=True))
    assert (found.flags, found.is_sampled) == (flags, flags in (b"01", b"03"))
    assert found.trace_id == parent[3:35]
    assert found.parent is not None
    assert found.link is None


@pytest.mark.parametrize("flags", [b"00", b"01", b"03"])
@pytest.mark.parametrize("chosen", [LOW, HIGH])
def test_anybody_else_chooses_neither_the_id_nor_the_sampling(flags: bytes, chosen: bytes) -> None:
    made = request(context(chosen, flags), request_id=chosen)
    found = trace(Sampler(True, 0.0), made)
    assert found.trace_id != chosen
    assert (found.flags, found.parent) == (b"00", None)
    assert found.link == (chosen, SPAN_ID, flags, b"a=1")
    assert b"a=1" not in found.lines()


@pytest.mark.parametrize(
    "parent",
    [b"", b"x", context().upper(), context() + b"-x", context() + b", " + context(),
     context(b"0" * 32), b"00-" * 100_000],
)  # fmt: skip
@pytest.mark.parametrize("trusted", [True, False])
def test_context_that_is_malformed_counts_as_none(parent: bytes, trusted: bool) -> None:
    found = trace(Sampler(), request(parent, trusted=trusted))
    assert (found.parent, found.link) == (None, None)
    assert TRACE_ID not in found.lines()
    assert b"tracestate" not in found.lines()


def test_trace_has_the_requests_id_where_the_gateway_or_a_trusted_caller_made_it() -> None:
    made = request()
    assert trace(Sampler(), made).trace_id == made.request_id
    assert trace(Sampler(), request(request_id=TRACE_ID, trusted=True)).trace_id == TRACE_ID
    assert trace(Sampler(), request(request_id=TRACE_ID)).trace_id != TRACE_ID
    assert trace(Sampler(), request(request_id=b"mine", trusted=True)).trace_id != b"mine"


@pytest.mark.parametrize(
    ("status", "outcome", "broken", "slow_seconds", "kept_for"),
    [
        (200, "ok", "", 60.0, None),
        (404, "failed", "", 60.0, None),  # of a composition whose step came to it
        (404, None, "", 60.0, None),
        (429, None, "", 60.0, None),
        (499, None, "client left", 60.0, None),
        (499, None, "client left", 1e-9, "slow"),
        (500, None, "", 60.0, "error"),
        (503, None, "", 60.0, "error"),
        (200, None, "client left", 60.0, "error"),
        (200, None, "upstream broke off", 60.0, "error"),
        (200, "degraded", "", 60.0, "degraded"),
        (304, "degraded", "", 60.0, "degraded"),
        (200, "ok", "", 1e-9, "slow"),
        (101, None, "", 1e-9, None),
        (200, "ok", "", 0.0, None),
    ],
)
def test_request_that_is_not_sampled_is_kept_for_how_it_ends(
    status: int,
    outcome: PayloadOutcome | None,
    broken: str,
    slow_seconds: float,
    kept_for: str | None,
) -> None:
    made, account = request(), None if outcome is None else Account("", "miss", outcome)
    traces = tracer(Sampler(True, 0.0), slow_seconds)
    made.tracing = traces
    kept = traces.ended(made, Reply(status, [], account=account), broken)
    assert (kept is not None) == (kept_for is not None) == (traces.sender.waiting == 1)


@pytest.mark.parametrize(
    ("end", "slow_seconds", "is_kept"),
    [
        (CompositionPayload(b"{}", {}, (), ()), 60.0, False),
        (CompositionPayload(b"{}", {}, (), ()), 1e-9, True),
        (CompositionPayload(b"{}", {}, (Degradation("a", "timeout", ""),), ()), 60.0, True),
        (CompositionFailure(502, None, "payload_bytes", "", "", None, (), (), None), 60.0, True),
        (CompositionFailure(404, "a", "status", "", "", None, (), (), None), 60.0, False),
        (CutRun("cancelled", ()), 60.0, False),
        (CutRun("bug", ()), 60.0, True),
    ],
    ids=["good", "slow", "degraded", "failed", "gone", "cancelled", "bug"],
)
def test_run_that_nobody_waits_for_is_kept_for_how_it_ends(
    end: RunEnd, slow_seconds: float, is_kept: bool
) -> None:
    """One in the background, and one whose client has left."""
    traces = tracer(Sampler(True, 0.0), slow_seconds)
    refresh = RecordedTrace(traces, TRACE_ID, TRACE_ID, b"00").of_refresh()
    refresh.begin_run("home", time.perf_counter())
    refresh.end_run(end)
    assert traces.sender.waiting == is_kept

    left = tracer(Sampler(True, 0.0))  # whose request was not slow
    made = request()
    made.tracing = left
    made.trace.begin_run("home", time.perf_counter() - 2 * (slow_seconds < 1) * 60)
    assert left.ended(made, Reply(499, []), "client left") is None
    made.trace.end_run(end)
    assert left.sender.waiting == is_kept


def test_spans_of_a_request_wait_for_its_run_and_have_all_of_its_attempts() -> None:
    made, traces = request(), tracer(Sampler())
    made.tracing = traces
    made.trace.begin_run("home", time.perf_counter())
    kept = traces.ended(made, Reply(499, []), "client left")
    assert kept is made.trace
    assert traces.sender.waiting == 0
    call = ServiceCall("shop", "GET", "/later", trace=made.trace.of_attempt("a"))
    traces.note(ObservedCall(server_at("http://127.0.0.1:9"), call, 1.0, 2.0, None))
    made.trace.end_run(CutRun("cancelled", ()))
    assert (traces.sender.waiting, len(kept.attempts)) == (1, 1)
    made.trace.end_run(CutRun("cancelled", ()))
    assert traces.sender.waiting == 1


def test_spans_do_not_wait_for_a_run_that_has_just_ended() -> None:
    """It runs on the loop; a thread of Flask may report its request at the same moment."""
    found, reported = trace(Sampler(), request()), []
    found.begin_run("home", time.perf_counter())
    found.end_run(CutRun("cancelled", ()))
    found.when_run_ends(lambda: reported.append("once"))
    found.end_run(CutRun("cancelled", ()))
    assert reported == ["once"]


@pytest.mark.parametrize(
    ("error", "is_kept"), [("", False), ("cancelled", False), ("timeout", True), ("bug", True)]
)
def test_reply_that_could_not_be_made_anew_is_kept(error: str, is_kept: bool) -> None:
    traces = tracer(Sampler(True, 0.0))
    RecordedTrace(traces, TRACE_ID, TRACE_ID, b"00").of_refresh().end_refresh(error)
    assert traces.sender.waiting == is_kept


def with_attempts(traces: RequestTracer, count: int) -> GatewayRequest:
    made = request()
    made.tracing = traces
    for number in range(count):
        call = ServiceCall("shop", "GET", f"/{number}", trace=made.trace.of_attempt("a"))
        answer = UpstreamReply(200, [], b"")
        traces.note(ObservedCall(server_at("http://127.0.0.1:9"), call, 1.0, 2.0, answer))
    return made


def test_attempts_of_one_request_are_bounded_and_those_beyond_are_counted() -> None:
    traces = tracer(Sampler())
    kept = traces.ended(with_attempts(traces, MOST_ATTEMPTS + 7), Reply(200, []))
    assert kept is not None
    assert (len(kept.attempts), kept.lost_attempts) == (MOST_ATTEMPTS, 7)


def test_request_of_many_attempts_takes_the_room_of_as_many_spans() -> None:
    traces = tracer(Sampler())
    traces.sender.put(list, MOST_SPANS - 100)
    for count, waiting in ((100, 1), (90, 2)):
        traces.ended(with_attempts(traces, count), Reply(200, []))
        assert traces.sender.waiting == waiting

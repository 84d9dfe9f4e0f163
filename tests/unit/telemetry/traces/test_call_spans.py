"""The spans of a request and of its run, from what was noted while it ran."""

from typing import Literal

import pytest

from bff.engine.values.recorded_trace import Attempt, RecordedTrace
from bff.engine.values.results import CompositionPayload, CutRun, Degradation, StepTiming
from bff.plan.model.caching import EVERYTHING, PurgedTags
from bff.plan.model.service import Dropped
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.traces.settings import TraceSettings
from bff.telemetry.traces.spans import Span
from bff.web.http.destination import Destination, DestinationKind
from bff.web.telemetry.call_spans import SpanBuilder
from bff.web.telemetry.request_spans import KeptRequest, request_spans
from bff.web.telemetry.tracer import RequestTracer

ZERO = 1_000.0  # seconds since the epoch, when the clock was 0
TRACER = RequestTracer(TraceSettings("http://127.0.0.1:9"), Metrics(), 1.0, "r1")


def trace() -> RecordedTrace:
    return RecordedTrace(TRACER, b"r", b"a" * 32, b"01")


def attempt(step: str, started_at: float, ended_at: float) -> Attempt:
    return Attempt(
        b"c" * 16, step, "shop", "GET", "shop.get", "/x", "h", "80", started_at, ended_at, 200, ""
    )


def payload(
    *timings: StepTiming, degraded: tuple[Degradation, ...] = (), purges: PurgedTags = ()
) -> CompositionPayload:
    return CompositionPayload(b"{}", {}, degraded, timings, purges=purges)


def built(noted: RecordedTrace, ended_at: float) -> list[Span]:
    builder = SpanBuilder(noted, ZERO, ended_at)
    builder.calls(b"p" * 16, "r1", "")
    return builder.spans


@pytest.mark.parametrize(
    ("purges", "attribute"),
    [(frozenset(("a", "b")), ("bff.tags", 2)), (EVERYTHING, ("bff.everything", True))],
)
def test_run_has_an_event_for_each_degradation_drop_and_purge(
    purges: PurgedTags, attribute: tuple[str, object]
) -> None:
    noted = trace()
    noted.begin_run("home", 10.0)
    noted.end_run(
        payload(
            StepTiming("a", 0.0, 1000.0, 1, "ok", Dropped(3, "items[1]: secret")),
            StepTiming("b", 0.0, 2000.0, 1, "failed"),
            degraded=(Degradation("b", "timeout", "http_response_timeout", None, "secret"),),
            purges=purges,
        )
    )
    assert noted.run is not None
    noted.run.ended_at = 13.0
    run = built(noted, 20.0)[0]
    assert [(name, at, [*attributes]) for name, at, attributes in run.events] == [
        ("step failed", 1_012 * 10**9, [("bff.step", "b"), ("bff.reason", "timeout")]),
        ("elements dropped", 1_011 * 10**9, [("bff.step", "a"), ("bff.elements", 3)]),
        ("purge", 1_013 * 10**9, [attribute]),
    ]
    assert "secret" not in str(built(noted, 20.0))


def test_no_span_goes_beyond_the_end_of_the_run_or_of_the_request() -> None:
    noted = trace()
    noted.begin_run("home", 10.0)
    noted.note(attempt("a", 10.5, 99.0))
    noted.end_run(payload(StepTiming("a", 100.0, 60_000.0, 1, "ok")))
    assert noted.run is not None
    noted.run.ended_at = 12.0
    run, step, call = built(noted, 13.0)
    assert (run.started_at, run.ended_at) == (1_010 * 10**9, 1_012 * 10**9)
    assert (step.started_at, step.ended_at) == (1_010_100_000_000, 1_012 * 10**9)
    assert call.ended_at == 1_013 * 10**9
    assert (step.parent_id, call.parent_id) == (run.span_id, step.span_id)


def test_run_that_has_not_ended_has_no_span_and_its_attempts_are_below_what_began_it() -> None:
    """Its client left before it began, and the spans did not wait for it."""
    noted = trace()
    noted.begin_run("home", 10.0)
    noted.note(attempt("a", 10.5, 11.0))
    (call,) = built(noted, 12.0)
    assert call.parent_id == b"p" * 16


def test_attempts_of_a_reply_that_is_made_anew_are_below_its_run() -> None:
    """It is none of a composition, and has no steps."""
    noted = trace()
    noted.begin_run("", 10.0)
    noted.note(attempt("a", 10.5, 11.0))
    noted.end_refresh("timeout")
    run, call = built(noted, 12.0)
    assert (run.name, run.parent_id, run.is_error) == ("refresh", b"p" * 16, True)
    assert dict(run.attributes)["error.type"] == "timeout"
    assert call.parent_id == run.span_id


@pytest.mark.parametrize(("by", "is_error"), [("cancelled", False), ("bug", True)])
def test_run_that_was_cut_says_by_what_and_what_its_steps_had_come_to(
    by: Literal["cancelled", "bug"], is_error: bool
) -> None:
    noted = trace()
    noted.begin_run("home", 10.0)
    noted.end_run(CutRun(by, (StepTiming("a", 0.0, 1000.0, 1, "cancelled"),)))
    run, step = built(noted, 20.0)
    assert (dict(run.attributes)["error.type"], run.is_error) == (by, is_error)
    assert (dict(step.attributes)["bff.outcome"], step.is_error) == ("cancelled", False)


@pytest.mark.parametrize(
    ("status", "broken", "is_error", "error", "shown"),
    [
        (200, "", False, None, 200),
        (404, "", False, None, 404),
        (500, "", True, "500", 500),
        (200, "upstream broke off", True, "upstream_broke_off", 200),
        (200, "client left", True, "client_left", 200),
        (499, "client left", False, "client_left", None),  # nothing was answered
    ],
)
def test_requests_span_is_an_error_where_the_server_failed_or_its_reply_broke_off(
    status: int, broken: str, is_error: bool, error: str | None, shown: int | None
) -> None:
    kept = KeptRequest(
        trace(), Destination("route", "/raw", "/raw/*"), "BREW", "/raw/" + "x" * 300, "https",
        b"[2001:db8::1]:8443", "192.0.2.1", "1.1", status, (), None, broken, "error", 10.0,
        11.0, ZERO,
    )  # fmt: skip
    (span,) = request_spans(kept)
    attributes = dict(span.attributes)
    assert (span.is_error, attributes.get("error.type")) == (is_error, error)
    assert attributes.get("http.response.status_code") == shown
    assert (span.name, attributes["http.request.method"]) == ("HTTP /raw/*", "_OTHER")
    assert attributes["server.address"] == "2001:db8::1"
    assert attributes["server.port"] == 8443
    assert len(str(attributes["url.path"])) == 200


@pytest.mark.parametrize(("kind", "name"), [("composition", "home"), ("own", None)])
def test_request_that_is_refused_names_its_composition_as_its_line_does(
    kind: DestinationKind, name: str | None
) -> None:
    kept = KeptRequest(
        trace(), Destination(kind, "home", "/home"), "GET", "/home", "https", None, None, "1.1",
        403, (), None, "", "sampled", 10.0, 11.0, ZERO,
    )  # fmt: skip
    (span,) = request_spans(kept)
    assert dict(span.attributes).get("bff.composition") == name

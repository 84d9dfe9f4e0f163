"""Builds the spans of a run, its steps and their attempts from the notes of a request. Pure."""

from collections.abc import Sequence
from typing import Final

from bff.engine.values.recorded_trace import Attempt, RecordedRun, RecordedTrace
from bff.engine.values.results import Degradation
from bff.engine.values.trace import SpanContext, new_span_id
from bff.methods import KNOWN_METHODS
from bff.plan.model.caching import EVERYTHING
from bff.telemetry.metrics.definitions.definition import OTHER
from bff.telemetry.traces.spans import AttributeValue, Event, Kind, Link, Span

SpanAttributes = list[tuple[str, AttributeValue]]

_NANOSECONDS: Final = 1_000_000_000


def refresh_spans(
    trace: RecordedTrace, release: str, clock_zero: float, ended_at: float
) -> list[Span]:
    """The spans of a refresh in the background, which has a trace of its own."""
    builder = SpanBuilder(trace, clock_zero, ended_at)
    builder.calls(b"", release, "")
    return builder.spans


def degradation_event(failure: Degradation, at: int) -> Event:
    """The event of a step that degraded the payload or failed it."""
    return Event("step failed", at, [("bff.step", failure.step), ("bff.reason", failure.reason)])


def span_name(method: str, target: str) -> str:
    """The name of an exchange's span, by OpenTelemetry's HTTP conventions; `target` is a template,
    "" where there is none."""
    word = "HTTP" if method == OTHER else method
    return f"{word} {target}" if target else word


class SpanBuilder:
    """Gathers the spans of one trace. No span ends after `ended_at`. Seconds are of
    `perf_counter`, which was 0 at `clock_zero` seconds since the epoch."""

    def __init__(self, trace: RecordedTrace, clock_zero: float, ended_at: float) -> None:
        self.spans: list[Span] = []
        self._trace = trace
        self._clock_zero = clock_zero
        self._ended_at = ended_at

    def calls(self, parent: bytes, release: str, view: str) -> None:
        """Add the spans of the run and its steps, if there was a run, and of the attempts. A run
        that began after its client had left may not have ended: it has no span."""
        trace, run = self._trace, self._trace.run
        by_step: dict[str, bytes] = {}
        if run is not None and run.ended_at:
            self._run(run, parent, release, view)
            by_step = self._steps(run)
            parent = run.span_id
        for attempt in trace.attempts:
            self._attempt(attempt, by_step.get(attempt.step, parent))

    def _run(self, run: RecordedRun, parent: bytes, release: str, view: str) -> None:
        attributes: SpanAttributes = [("bff.release", release)]
        if run.composition:
            attributes.append(("bff.composition", run.composition))
        if view:
            attributes.append(("bff.view", view))
        if run.error:
            attributes.append(("error.type", run.error))
        self.add(
            run.span_id,
            parent,
            f"run {run.composition}" if run.composition else "refresh",
            "internal",
            (run.started_at, run.ended_at),
            attributes,
            is_error=run.is_failed,
            events=self._events(run),
            links=self.links(self._trace.link) if self._trace.is_refresh else (),
        )

    def _events(self, run: RecordedRun) -> list[Event]:
        ends = {each.step: _ended(run, each.started_ms + each.duration_ms) for each in run.timings}
        events = [
            degradation_event(each, self.nanoseconds(ends.get(each.step, run.ended_at)))
            for each in run.failures
        ]
        for each in run.timings:
            if each.dropped is not None:
                at = self.nanoseconds(ends[each.step])
                found: SpanAttributes = [
                    ("bff.step", each.step),
                    ("bff.elements", each.dropped.elements),
                ]
                events.append(Event("elements dropped", at, found))
        if run.purges:
            purged: tuple[str, AttributeValue] = ("bff.everything", True)
            if run.purges is not EVERYTHING:
                purged = ("bff.tags", len(run.purges))
            events.append(Event("purge", self.nanoseconds(run.ended_at), [purged]))
        return events

    def _steps(self, run: RecordedRun) -> dict[str, bytes]:
        ids = {}
        reasons = {each.step: each.reason for each in run.failures}
        for step, started_ms, duration_ms, calls, outcome, dropped in run.timings:
            ids[step] = span_id = new_span_id()
            attributes: SpanAttributes = [
                ("bff.step", step),
                ("bff.outcome", outcome),
                ("bff.calls", calls),
            ]
            is_error = outcome == "failed"
            if step in reasons:
                attributes.append(("bff.reason", reasons[step]))
            if is_error:
                attributes.append(("error.type", reasons.get(step, "failed")))
            if dropped is not None:
                attributes.append(("bff.elements.dropped", dropped.elements))
            times = (_ended(run, started_ms), _ended(run, started_ms + duration_ms))
            name = f"step {step}"
            self.add(span_id, run.span_id, name, "internal", times, attributes, is_error=is_error)
        return ids

    def _attempt(self, attempt: Attempt, parent: bytes) -> None:
        method = attempt.method if attempt.method in KNOWN_METHODS else OTHER
        attributes: SpanAttributes = [
            ("http.request.method", method),
            ("server.address", attempt.host),
            ("bff.service", attempt.service),
        ]
        if attempt.port:
            attributes.append(("server.port", int(attempt.port)))
        if attempt.operation:
            attributes += [
                ("url.template", attempt.template),
                ("bff.operation", attempt.operation),
            ]
        error = attempt.error
        if attempt.status is not None:
            attributes.append(("http.response.status_code", attempt.status))
            if attempt.status >= 400:
                error = error or str(attempt.status)
        if error:
            attributes.append(("error.type", error))
        self.add(
            attempt.span_id,
            parent,
            span_name(method, attempt.template),
            "client",
            (attempt.started_at, attempt.ended_at),
            attributes,
            is_error=bool(error),
        )

    def add(
        self,
        span_id: bytes,
        parent: bytes,
        name: str,
        kind: Kind,
        times: tuple[float, float],
        attributes: SpanAttributes,
        *,
        is_error: bool = False,
        events: Sequence[Event] = (),
        links: Sequence[Link] = (),
    ) -> None:
        """Add a span; `times` are its start and its end."""
        trace = self._trace
        caller = trace.parent
        started_at, ended_at = map(self.nanoseconds, times)
        self.spans.append(
            Span(
                trace.trace_id,
                span_id,
                parent,
                trace.flags,
                b"" if caller is None else caller.state,
                name,
                kind,
                started_at,
                ended_at,
                attributes,
                is_error,
                kind == "server" and caller is not None,
                events,
                links,
            )
        )

    def links(self, context: SpanContext | None) -> list[Link]:
        """The link to a span; none without one."""
        if context is None:
            return []
        trace = self._trace
        is_remote = context is trace.link and not trace.is_refresh
        return [Link(*context, is_remote)]

    def nanoseconds(self, at: float) -> int:
        """A time, as spans have it."""
        return int((self._clock_zero + min(at, self._ended_at)) * _NANOSECONDS)


def _ended(run: RecordedRun, milliseconds: float) -> float:
    return min(run.started_at + milliseconds / 1000, run.ended_at)

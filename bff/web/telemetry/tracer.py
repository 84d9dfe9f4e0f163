"""Traces of requests: the context of each, what it notes, and whether its spans are kept.

Rules:
1. The span of a trusted caller (`trusted_proxies`) is the parent of the request's span. The span of
   any other client is a link: else a client could choose any trace, and whether it is sampled.
2. Whether a trace is sampled is decided by its parent or its id when it begins, and calls send this
   to services. Requests that end in a 5xx, are degraded, break off or take long are always kept,
   without the services' spans.
3. Every request notes what its spans need, since its end is not known before. The sender's thread
   builds the spans of kept requests, once the reply is out and the run is over.
4. A run that goes on for the cache after its client has left decides as a request does whether the
   trace is kept.
"""

import time
from collections.abc import Callable
from functools import partial

from bff.engine.ports import ServiceCall
from bff.engine.values.outcomes import Failed
from bff.engine.values.recorded_trace import Attempt, AttemptTrace, RecordedTrace
from bff.engine.values.trace import SpanContext, is_trace_id, new_trace_id, read_context
from bff.telemetry.metrics.families import Metrics
from bff.telemetry.traces.sampling import ratio_sampler
from bff.telemetry.traces.sender import SpanSender
from bff.telemetry.traces.settings import TraceSettings
from bff.telemetry.traces.spans import Span
from bff.upstream.observed import ObservedCall
from bff.upstream.ports import Server
from bff.version import __version__
from bff.web.http.replies import CLIENT_LEFT, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.telemetry.call_spans import refresh_spans
from bff.web.telemetry.request_spans import KeptRequest, request_spans


class RequestTracer:
    """Traces the requests of one process. Safe to share between threads. Requests that take longer
    than `slow_seconds` are kept; 0: no request is slow. `release` is the name of the project's
    version."""

    def __init__(
        self, settings: TraceSettings, metrics: Metrics, slow_seconds: float, release: str
    ) -> None:
        attributes = {
            "telemetry.sdk.name": "bff",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.version": __version__,
            **settings.attributes,
        }
        self.release = release
        self.sender = SpanSender(settings, [*attributes.items()], metrics)
        self._follows_parent = settings.sampler.follows_parent
        self._samples = ratio_sampler(settings.sampler.ratio)
        self._slow_seconds = slow_seconds or float("inf")

    def trace_of(self, request: GatewayRequest) -> RecordedTrace:
        """See `Tracing.trace_of`."""
        client = None
        if b"traceparent" in request.single:
            state = request.header_list(b"tracestate")
            client = read_context(request.header_list(b"traceparent"), state)
        if client is not None and request.is_trusted:
            trace_id = client.trace_id
            is_sampled = client.is_sampled if self._follows_parent else self._samples(trace_id)
            # The second bit of a parent's flags goes on: its trace's id is random (level 2).
            flags = b"%02x" % (int(client.flags, 16) & 2 | is_sampled)
            return RecordedTrace(self, request.request_id, trace_id, flags, client)
        trace_id = request.request_id
        if not (request.has_own_id or (request.is_trusted and is_trace_id(trace_id))):
            trace_id = new_trace_id()
        flags = b"01" if self._samples(trace_id) else b"00"
        return RecordedTrace(self, request.request_id, trace_id, flags, None, client)

    def trace_of_refresh(self, cause: RecordedTrace) -> RecordedTrace:
        """See `Tracer.trace_of_refresh`."""
        trace_id = new_trace_id()
        flags = b"01" if self._samples(trace_id) else b"00"
        link = SpanContext(cause.trace_id, cause.span_id, cause.flags)
        trace = RecordedTrace(self, cause.request_id, trace_id, flags, None, link)
        trace.is_refresh = True
        trace.begin_run("", time.perf_counter())  # the run of a composition replaces it
        trace.when_run_ends(partial(self._end_refresh, trace))
        return trace

    def note(self, observed: ObservedCall) -> None:
        """See `Observer`: note an attempt, where it is a request's."""
        server, call = observed.server, observed.call
        of = call.trace
        if not isinstance(of, AttemptTrace):
            return
        operation = call.operation
        name, template = ("", "") if operation is None else (operation.name, operation.path_text)
        of.trace.note(
            Attempt(
                of.span_id,
                of.step,
                call.service,
                call.method,
                name,
                template,
                server.host,
                server.port,
                observed.started_at,
                observed.ended_at,
                observed.status,
                observed.error,
            )
        )

    def note_break(self, server: Server, call: ServiceCall, failure: Failed) -> None:
        """See `BreakObserver`: the attempt has failed after all."""
        if isinstance(call.trace, AttemptTrace):
            call.trace.trace.note_break(call.trace.span_id, failure.reason.word)

    def ended(
        self, request: GatewayRequest, reply: Reply, broken: str = ""
    ) -> RecordedTrace | None:
        """A request has ended; `broken` is how its reply broke off. Returns its trace where its
        spans are kept. The end of a run that goes on may decide later to keep them."""
        ended_at = time.perf_counter()
        is_running = False
        if request.has_new_trace:  # a hit, mostly: its trace is made where it is kept
            is_sampled = self._samples(request.request_id)
        else:
            is_sampled, is_running = request.trace.is_sampled, request.trace.is_running
        kept_for = "sampled" if is_sampled else self._exception(request, reply, broken, ended_at)
        trace = request.trace if kept_for or is_running else None
        if type(trace) is not RecordedTrace:  # or the request is one of a host without `locate`
            return None
        _ = trace.span_id  # made here, before the thread of the sender and a refresh need it
        kept = KeptRequest(
            trace,
            request.destination,
            request.method,
            request.raw_path,
            request.scheme,
            request.host if request.has_good_host() else None,
            request.client_host,
            request.version,
            reply.status,
            () if reply.account is None else (*reply.shared, *reply.headers),
            reply.account,
            broken,
            kept_for,
            request.started_at,
            ended_at,
            time.time() - ended_at,
        )
        if is_running:
            trace.when_run_ends(partial(self._end_run, trace, kept))
        else:
            self._put(trace, partial(request_spans, kept))
        return trace if kept_for else None

    def _end_run(self, trace: RecordedTrace, kept: KeptRequest) -> None:
        """The run of a request has ended, after the request."""
        kept_for = kept.kept_for or self._exception_of_run(trace)
        if kept_for:
            self._put(trace, partial(request_spans, kept._replace(kept_for=kept_for)))

    def _end_refresh(self, trace: RecordedTrace) -> None:
        """A refresh in the background has ended."""
        if trace.is_sampled or self._exception_of_run(trace):
            ended_at = time.perf_counter()
            clock_zero = time.time() - ended_at
            self._put(trace, partial(refresh_spans, trace, self.release, clock_zero, ended_at))

    def _put(self, trace: RecordedTrace, build: Callable[[], list[Span]]) -> None:
        self.sender.put(build, _count(trace))

    def _exception_of_run(self, trace: RecordedTrace) -> str:
        """Why a run without a request is kept, although its trace is not sampled; "" where it is
        not kept."""
        run = trace.run
        if run is None:
            return ""
        if run.is_failed:
            return "error"
        if run.failures:
            return "degraded"
        return "slow" if run.ended_at - run.started_at > self._slow_seconds else ""

    def _exception(
        self, request: GatewayRequest, reply: Reply, broken: str, ended_at: float
    ) -> str:
        """Why a request is kept although its trace is not sampled; "" where it is not."""
        if reply.status >= 500 or (broken and reply.status != CLIENT_LEFT):
            return "error"
        account = reply.account
        if account is not None and account.outcome == "degraded":
            return "degraded"
        if ended_at - request.started_at > self._slow_seconds and reply.status != 101:
            return "slow"  # a WebSocket lasts as long as its client wants
        return ""


def _count(trace: RecordedTrace) -> int:
    """About how many spans a trace has: those of the request, the cache and the run, and others."""
    return 3 + len(trace.attempts) + (0 if trace.run is None else len(trace.run.timings))

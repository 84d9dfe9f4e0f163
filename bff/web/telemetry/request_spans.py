"""Builds the spans of a request from what it noted while it ran. Pure.

    request (server)  →  cache  →  run  →  step  →  attempt (client)

Only what took place has a span: the attempts of a route are children of the request, a composition
without `cache` has no span of the cache, and a request that shares a run has a link to it.

Attributes have the names of OpenTelemetry's stable HTTP conventions, else names that begin with
`bff.`. Values are names of the project, statuses and times. From the client there are its address,
its `Host` and the path without the query, as in the log.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bff.engine.values.recorded_trace import RecordedTrace
from bff.engine.values.results import Degradation
from bff.engine.values.trace import new_span_id
from bff.methods import KNOWN_METHODS
from bff.telemetry.metrics.definitions.definition import OTHER
from bff.telemetry.traces.spans import AttributeValue, Span
from bff.web.http.destination import Destination
from bff.web.http.replies import CLIENT_LEFT, Account, RawHeader
from bff.web.logs.json_lines import PATH_LENGTH
from bff.web.telemetry.call_spans import (
    SpanAttributes,
    SpanBuilder,
    degradation_event,
    span_name,
)
from bff.web.telemetry.request_counts import as_label


class KeptRequest(NamedTuple):
    """A request whose spans will be built. Times are seconds of `perf_counter`, which was 0 at
    `clock_zero` seconds since the epoch. `kept_for` is why the request is kept. `broken` is how the
    reply broke off, "" where it is whole. `host` is the client's `Host`. `headers` are those of a
    composition's reply."""

    trace: RecordedTrace
    destination: Destination
    method: str
    path: str
    scheme: str
    host: bytes | None
    client: str | None
    version: str
    status: int
    headers: Sequence[RawHeader]
    account: Account | None
    broken: str
    kept_for: str
    started_at: float
    ended_at: float
    clock_zero: float


def request_spans(kept: KeptRequest) -> list[Span]:
    """The spans of a request, parents first. Those of its run may end after its own."""
    trace, account = kept.trace, kept.account
    run_ended_at = 0.0 if trace.run is None else trace.run.ended_at
    builder = SpanBuilder(trace, kept.clock_zero, max(kept.ended_at, run_ended_at))
    parent = _add_request(builder, kept)
    if trace.cache_asked_at or (account is not None and account.cache != "bypass"):
        parent = _add_cache(builder, kept, parent)
    view = "" if account is None else account.view
    builder.calls(parent, kept.destination.release, view)
    return builder.spans


def _add_request(builder: SpanBuilder, kept: KeptRequest) -> bytes:
    """The request's own span; its id."""
    trace, parent = kept.trace, kept.trace.parent
    method = kept.method if kept.method in KNOWN_METHODS else OTHER
    error = as_label(kept.broken) or (str(kept.status) if kept.status >= 500 else "")
    builder.add(
        trace.span_id,
        b"" if parent is None else parent.span_id,
        span_name(method, kept.destination.route),
        "server",
        (kept.started_at, kept.ended_at),
        list(_request_attributes(kept, method, error)),
        is_error=bool(error) and kept.status != CLIENT_LEFT,  # the server did nothing wrong
        links=builder.links(trace.link),
    )
    return trace.span_id


def _request_attributes(
    kept: KeptRequest, method: str, error: str
) -> Iterator[tuple[str, AttributeValue]]:
    trace, destination, account = kept.trace, kept.destination, kept.account
    yield "http.request.method", method
    yield "url.scheme", kept.scheme
    yield "url.path", kept.path[:PATH_LENGTH]
    yield "network.protocol.version", kept.version
    yield "bff.request.id", trace.request_id.decode("ascii")
    yield "bff.release", destination.release
    if kept.kept_for != "sampled":
        yield "bff.kept_for", kept.kept_for
    if kept.status != CLIENT_LEFT:
        yield "http.response.status_code", kept.status
    if destination.route:
        yield "http.route", destination.route
    if error:
        yield "error.type", error
    if kept.client:
        yield "client.address", kept.client
    if kept.host:
        yield from _server(kept.host)
    if destination.kind == "composition":
        yield "bff.composition", destination.name
    if account is not None:
        yield "bff.outcome", account.outcome
        if account.view:
            yield "bff.view", account.view
    if trace.lost_attempts:
        yield "bff.attempts.lost", trace.lost_attempts


def _add_cache(builder: SpanBuilder, kept: KeptRequest, parent: bytes) -> bytes:
    """The span of the look-up and of the wait for a shared run; its id. It has no state where the
    client left before the answer."""
    trace, account = kept.trace, kept.account
    began = trace.cache_asked_at or kept.started_at
    ended = trace.cache_answered_at or kept.ended_at
    attributes: SpanAttributes = []
    failures: Sequence[Degradation] = ()
    if account is not None:
        attributes.append(("bff.cache.state", account.cache))
        failures = account.failures if trace.run is None else ()
    for name, value in kept.headers:
        if name == b"cache-status":
            attributes += [
                ("bff.cache.collapsed", b"; collapsed" in value),
                ("bff.cache.stored", b"; stored" in value),
            ]
        elif name == b"age" and value.isdigit():
            attributes.append(("bff.cache.age", int(value)))
    at = builder.nanoseconds(kept.ended_at)
    span_id = new_span_id()
    builder.add(
        span_id,
        parent,
        "cache",
        "internal",
        (began, ended),
        attributes,
        events=[degradation_event(each, at) for each in failures],
        links=builder.links(trace.shares),
    )
    return span_id


def _server(host: bytes) -> SpanAttributes:
    """The server that the client asked for (RFC 9110 §7.2)."""
    name, colon, port = host.decode("latin-1").rpartition(":")
    if not colon or port.endswith("]") or not port.isdigit():
        return [("server.address", host.decode("latin-1").strip("[]"))]
    return [("server.address", name.strip("[]")), ("server.port", int(port))]

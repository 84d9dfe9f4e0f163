"""Every metric, in one table: its name, what it counts, and by which labels.

Names and buckets are those of OpenTelemetry's HTTP conventions (semconv 1.23 and later, stable),
where these have the metric; others begin with `bff_`. The dashboard, the docs and the exposition
are made of this table, so none of them can forget a metric.

A label's values come from the project, or from a short list: never from requests.
"""

from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]
Row = Literal["screens", "cache and degradation", "services", "limits", "process"]

# https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ gives these for durations, in s.
HTTP_SECONDS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
SHORT_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Definition(NamedTuple):
    """One metric. `name` is Prometheus's, without the `_total` of counters; `bounds` are the upper
    bounds of a histogram's buckets; a gauge's workers are added up, or their `largest` counts.
    `row` is its row of the dashboard."""

    name: str
    kind: Kind
    help: str
    row: Row
    labels: tuple[str, ...] = ()
    unit: str = ""
    bounds: tuple[float, ...] = ()
    merge: Literal["sum", "largest"] = "sum"

    @property
    def shown_name(self) -> str:
        """The name that Prometheus shows; a histogram's has `_bucket`, `_sum` or `_count` after
        it."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


REQUESTS: Final = Definition(
    "http_server_request_duration_seconds",
    "histogram",
    "How long requests took, from their heads to the ends of their replies.",
    "screens",
    ("http_request_method", "http_route", "http_response_status_code", "error_type"),
    "seconds",
    HTTP_SECONDS,
)
REQUESTS_IN_FLIGHT: Final = Definition(
    "bff_requests_in_flight", "gauge", "Requests at work.", "screens", ("kind",)
)
COMPOSITIONS: Final = Definition(
    "bff_composition_duration_seconds",
    "histogram",
    "How long compositions took, by what came of them: ok, degraded, failed, refused.",
    "screens",
    ("composition", "view", "outcome"),
    "seconds",
    HTTP_SECONDS,
)
COMPOSITION_BYTES: Final = Definition(
    "bff_composition_sent_bytes",
    "counter",
    "Bytes of compositions' replies that were sent.",
    "screens",
    ("composition", "view"),
    "bytes",
)
STEPS: Final = Definition(
    "bff_step_duration_seconds",
    "histogram",
    "How long steps took, by what came of them: ok, skipped, failed, cancelled.",
    "screens",
    ("composition", "step", "outcome"),
    "seconds",
    HTTP_SECONDS,
)
STEP_CALLS: Final = Definition(
    "bff_step_calls",
    "counter",
    "Calls that steps sent.",
    "screens",
    ("composition", "step"),
)
SLO_MISSES: Final = Definition(
    "bff_slo_misses",
    "counter",
    "Requests of compositions with an `slo` that missed it: failed, or slow, which is answered, and"
    " later than its latency.",
    "screens",
    ("composition", "reason"),
)
SLO_TARGETS: Final = Definition(
    "bff_slo_target_ratio",
    "gauge",
    "The share of a composition's requests that its `slo` promises to answer.",
    "screens",
    ("composition",),
    "ratio",
    merge="largest",
)
SLO_LATENCIES: Final = Definition(
    "bff_slo_latency_seconds",
    "gauge",
    "The latency within which a composition's `slo` promises an answer.",
    "screens",
    ("composition",),
    "seconds",
    merge="largest",
)
CACHE_REQUESTS: Final = Definition(
    "bff_cache_requests",
    "counter",
    "Requests of compositions by what the cache had: hit, stale, miss, collapsed, stale_if_error,"
    " bypass.",
    "cache and degradation",
    ("composition", "cache"),
)
DEGRADATIONS: Final = Definition(
    "bff_degradations",
    "counter",
    "Steps that degraded a payload, or failed it, by the reason.",
    "cache and degradation",
    ("composition", "step", "reason"),
)
SERVICE_CALLS: Final = Definition(
    "http_client_request_duration_seconds",
    "histogram",
    "How long exchanges with instances of services took; each attempt is one.",
    "services",
    (
        "service",
        "server_address",
        "server_port",
        "http_request_method",
        "http_response_status_code",
        "error_type",
    ),
    "seconds",
    HTTP_SECONDS,
)
ACCESS_REFUSALS: Final = Definition(
    "bff_access_refusals",
    "counter",
    "Requests that were refused because of who asked, or how often, by the reason.",
    "limits",
    ("reason",),
)
LOOP_LAG: Final = Definition(
    "bff_loop_lag_seconds",
    "histogram",
    "How late the event loop was, looked at four times a second.",
    "process",
    (),
    "seconds",
    SHORT_SECONDS,
)

DEFINITIONS: Final = (
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    COMPOSITIONS,
    COMPOSITION_BYTES,
    STEPS,
    STEP_CALLS,
    SLO_MISSES,
    SLO_TARGETS,
    SLO_LATENCIES,
    CACHE_REQUESTS,
    DEGRADATIONS,
    SERVICE_CALLS,
    ACCESS_REFUSALS,
    LOOP_LAG,
)

"""Every metric, in one table: its name, what it counts, and by which labels.

Names and buckets are those of OpenTelemetry's HTTP conventions (semconv 1.23 and later, stable),
where these have the metric; others begin with `bff_`. The dashboard, the docs and the exposition
are made of this table, so none of them can forget a metric.

A label's values come from the project, or from a short list: never from requests.
"""

from typing import Final

from bff.telemetry.metrics.cache_definitions import CACHE_DEFINITIONS
from bff.telemetry.metrics.definition import HTTP_SECONDS, Definition
from bff.telemetry.metrics.limit_definitions import LIMIT_DEFINITIONS
from bff.telemetry.metrics.process_definitions import PROCESS_DEFINITIONS
from bff.telemetry.metrics.service_definitions import SERVICE_DEFINITIONS

REQUESTS: Final = Definition(
    "http_server_request_duration_seconds",
    "histogram",
    "How long requests took, from their heads to the ends of their replies.",
    "screens",
    (
        "kind",
        "http_request_method",
        "url_scheme",
        "http_route",
        "http_response_status_code",
        "error_type",
    ),
    "seconds",
    HTTP_SECONDS,
)
REQUESTS_IN_FLIGHT: Final = Definition(
    "bff_requests_in_flight",
    "gauge",
    "Requests that wait for a reply, or still get it; WebSockets as long as they are open.",
    "screens",
    ("kind",),
)
COMPOSITIONS: Final = Definition(
    "bff_composition_duration_seconds",
    "histogram",
    "How long compositions took, by what clients got: ok, degraded, refused (a 4xx), failed (a"
    " 5xx), or abandoned, where they left before.",
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
RUNS: Final = Definition(
    "bff_runs",
    "counter",
    "Runs of compositions, in the background too, by what they came to: ok, degraded, failed.",
    "screens",
    ("composition", "outcome"),
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
STEP_INFO: Final = Definition(
    "bff_step_info",
    "gauge",
    "Which operation of which service a step calls; the value is 1.",
    "screens",
    ("composition", "step", "service", "operation"),
    merge="largest",
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
    "Steps that degraded a payload, or failed it, by the reason: once for each run. The step is"
    " empty where the whole payload failed.",
    "cache and degradation",
    ("composition", "step", "reason"),
)
DROPPED_ELEMENTS: Final = Definition(
    "bff_dropped_elements",
    "counter",
    "Elements of services' lists that were left out, since they break the schema.",
    "cache and degradation",
    ("composition", "step"),
)
RELEASE_INFO: Final = Definition(
    "bff_release_info",
    "gauge",
    "The release that requests begin with; the value is 1.",
    "process",
    ("release",),
    merge="largest",
)
RELEASE_LOADED: Final = Definition(
    "bff_release_loaded_timestamp_seconds",
    "gauge",
    "When the release was loaded, in seconds since the epoch; of several workers, the latest.",
    "process",
    unit="seconds",
    merge="largest",
)
RELEASES: Final = Definition(
    "bff_releases", "counter", "Releases that workers have begun to serve.", "process"
)

DEFINITIONS: Final = (
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    COMPOSITIONS,
    COMPOSITION_BYTES,
    RUNS,
    STEPS,
    STEP_CALLS,
    STEP_INFO,
    SLO_MISSES,
    SLO_TARGETS,
    SLO_LATENCIES,
    CACHE_REQUESTS,
    DEGRADATIONS,
    DROPPED_ELEMENTS,
    *CACHE_DEFINITIONS,
    *SERVICE_DEFINITIONS,
    *LIMIT_DEFINITIONS,
    RELEASE_INFO,
    RELEASE_LOADED,
    RELEASES,
    *PROCESS_DEFINITIONS,
)

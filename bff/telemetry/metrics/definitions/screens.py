"""The metrics of screens: requests, compositions and their SLOs, runs, steps."""

from typing import Final

from bff.telemetry.metrics.definitions.definition import HTTP_SECONDS, Definition

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
    "Runs of compositions, in the background too, by what they came to: ok, degraded, failed; or"
    " cancelled, where nobody waited any longer.",
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

SCREENS: Final = (
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
)

"""The metrics of screens: requests, compositions and their SLOs, runs, steps."""

from typing import Final

from bff.telemetry.metrics.definitions.definition import HTTP_SECONDS, Definition

REQUESTS: Final = Definition(
    "http_server_request_duration_seconds",
    "histogram",
    "How long requests took, from the first line to the end of the reply.",
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
    "Requests that wait for a reply or receive one; WebSockets as long as they are open.",
    "screens",
    ("kind",),
)
COMPOSITIONS: Final = Definition(
    "bff_composition_duration_seconds",
    "histogram",
    "How long requests to compositions took, by the client's result: ok, degraded, refused (a"
    " 4xx), failed (a 5xx), abandoned (the client left before).",
    "screens",
    ("composition", "view", "outcome"),
    "seconds",
    HTTP_SECONDS,
)
COMPOSITION_BYTES: Final = Definition(
    "bff_composition_sent_bytes",
    "counter",
    "Bytes of replies of compositions that were sent.",
    "screens",
    ("composition", "view"),
    "bytes",
)
RUNS: Final = Definition(
    "bff_runs",
    "counter",
    "Runs of compositions, in the background too, by their outcome: ok, degraded, refused (a 4xx),"
    " failed (a 5xx), cancelled (nobody waited any longer).",
    "screens",
    ("composition", "outcome"),
)
STEPS: Final = Definition(
    "bff_step_duration_seconds",
    "histogram",
    "How long steps took, by their outcome: ok, skipped, refused (a 4xx that ended the screen),"
    " failed, cancelled.",
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
    "The service and the operation that a step calls; the value is 1.",
    "screens",
    ("composition", "step", "service", "operation"),
    merge="largest",
)
SLO_MISSES: Final = Definition(
    "bff_slo_misses",
    "counter",
    "Requests that missed the `slo` of their composition: failed, or slow (answered later than"
    " its latency).",
    "screens",
    ("composition", "reason"),
)
SLO_TARGETS: Final = Definition(
    "bff_slo_target_ratio",
    "gauge",
    "The share of requests that the `slo` of a composition promises to answer.",
    "screens",
    ("composition",),
    "ratio",
    merge="largest",
)
SLO_LATENCIES: Final = Definition(
    "bff_slo_latency_seconds",
    "gauge",
    "The latency that the `slo` of a composition promises.",
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

"""The metrics of a process: its releases, event loop, heavy work, clients, log and spans; and those
of the launcher and its workers."""

from typing import Final

from bff.telemetry.metrics.definitions.definition import SHORT_SECONDS, Definition

RELEASE_INFO: Final = Definition(
    "bff_release_info",
    "gauge",
    "The release that new requests get; the value is 1.",
    "process",
    ("release",),
    merge="largest",
)
RELEASE_LOADED: Final = Definition(
    "bff_release_loaded_timestamp_seconds",
    "gauge",
    "When the release was loaded, in seconds since the epoch; of several workers the latest.",
    "process",
    unit="seconds",
    merge="largest",
)
RELEASES: Final = Definition(
    "bff_releases", "counter", "Releases that workers began to serve.", "process"
)
LOOP_LAG: Final = Definition(
    "bff_loop_lag_seconds",
    "histogram",
    "How late the event loop was, measured four times a second.",
    "process",
    (),
    "seconds",
    SHORT_SECONDS,
)
LONGEST_LOOP_LAG: Final = Definition(
    "bff_loop_longest_lag_seconds",
    "gauge",
    "The largest lag of the event loop in the last 15 seconds, in the worker where it was largest.",
    "process",
    unit="seconds",
    merge="largest",
)
COLLECTIONS: Final = Definition(
    "bff_garbage_collection_seconds",
    "histogram",
    "How long Python's garbage collector stopped the process, by generation.",
    "process",
    ("generation",),
    "seconds",
    SHORT_SECONDS,
)
HEAVY_WAITING: Final = Definition(
    "bff_heavy_work_waiting", "gauge", "Pieces of heavy work that wait for their thread.", "process"
)
HEAVY_WAITS: Final = Definition(
    "bff_heavy_work_wait_seconds",
    "histogram",
    "How long pieces of heavy work waited for their thread, those included that were given up.",
    "process",
    (),
    "seconds",
    SHORT_SECONDS,
)
HEAVY_DURATIONS: Final = Definition(
    "bff_heavy_work_duration_seconds",
    "histogram",
    "How long the thread for heavy work worked on a piece.",
    "process",
    (),
    "seconds",
    SHORT_SECONDS,
)
HEAVY_REFUSALS: Final = Definition(
    "bff_heavy_work_refusals",
    "counter",
    "Pieces of heavy work that were refused because too many waited.",
    "process",
)
CLIENT_CONNECTIONS: Final = Definition(
    "bff_client_connections",
    "gauge",
    "Open connections of clients of `bff serve`: http, or tunnels of WebSockets (websocket).",
    "process",
    ("kind",),
)
CLIENTS_ACCEPTED: Final = Definition(
    "bff_client_connections_accepted",
    "counter",
    "Connections of clients that `bff serve` accepted.",
    "process",
)
CLIENTS_REFUSED: Final = Definition(
    "bff_client_refusals",
    "counter",
    "Connections and requests that `bff serve` refused: those beyond its bounds (connections,"
    " requests, app_requests, websockets), and those that are no valid request, by the reason in"
    " the problem document: bad_request, slow_request, long_target, large_head, unknown_method,"
    " unknown_version, unknown_expectation. All but connections count as requests, too.",
    "process",
    ("reason",),
)
LOG_LINES_LOST: Final = Definition(
    "bff_log_lines_lost",
    "counter",
    "Lines of the log that could not be written.",
    "process",
)
WORKERS: Final = Definition(
    "bff_workers",
    "gauge",
    "Workers of `bff serve` that serve (ready) or are starting (starting).",
    "process",
    ("state",),
)
WORKER_DEATHS: Final = Definition(
    "bff_worker_deaths",
    "counter",
    "Workers that ended unexpectedly.",
    "process",
)
WORKER_RESTARTS: Final = Definition(
    "bff_worker_restarts", "counter", "Workers that a restart replaced.", "process"
)
FAILED_RESTARTS: Final = Definition(
    "bff_failed_restarts",
    "counter",
    "Restarts that failed because a new worker could not serve. The old workers go on.",
    "process",
)
WORKER_SILENCE: Final = Definition(
    "bff_worker_silence_seconds",
    "gauge",
    "How long ago the worker that is silent for longest sent its numbers. A worker sends them once"
    " a second.",
    "process",
    unit="seconds",
    merge="largest",
)
PROCESS_CPU: Final = Definition(
    "process_cpu_seconds",
    "counter",
    "CPU time of the launcher, and of all workers together.",
    "process",
    ("process",),
    "seconds",
)
PROCESS_RESIDENT_BYTES: Final = Definition(
    "process_resident_memory_bytes",
    "gauge",
    "Resident memory of the launcher, and of all workers together.",
    "process",
    ("process",),
    "bytes",
)
PROCESS_OPEN_FILES: Final = Definition(
    "process_open_fds",
    "gauge",
    "Open file descriptors of the launcher, and of all workers together.",
    "process",
    ("process",),
)
PROCESS_MOST_FILES: Final = Definition(
    "process_max_fds",
    "gauge",
    "File descriptors that the launcher may open, and all workers together.",
    "process",
    ("process",),
)
PROCESS_START: Final = Definition(
    "process_start_time_seconds",
    "gauge",
    "When the launcher and the youngest worker started, in seconds since the epoch.",
    "process",
    ("process",),
    "seconds",
    merge="largest",
)
SPANS_SENT: Final = Definition(
    "bff_spans_sent", "counter", "Spans of traces that the collector accepted.", "process"
)
SPANS_DROPPED: Final = Definition(
    "bff_spans_dropped",
    "counter",
    "Spans that were not sent, by the reason: queue_full, rejected, refused, unreachable, bug.",
    "process",
    ("reason",),
)

PROCESS: Final = (
    RELEASE_INFO,
    RELEASE_LOADED,
    RELEASES,
    LOOP_LAG,
    LONGEST_LOOP_LAG,
    COLLECTIONS,
    HEAVY_WAITING,
    HEAVY_WAITS,
    HEAVY_DURATIONS,
    HEAVY_REFUSALS,
    CLIENT_CONNECTIONS,
    CLIENTS_ACCEPTED,
    CLIENTS_REFUSED,
    LOG_LINES_LOST,
    WORKERS,
    WORKER_DEATHS,
    WORKER_RESTARTS,
    FAILED_RESTARTS,
    WORKER_SILENCE,
    PROCESS_CPU,
    PROCESS_RESIDENT_BYTES,
    PROCESS_OPEN_FILES,
    PROCESS_MOST_FILES,
    PROCESS_START,
    SPANS_SENT,
    SPANS_DROPPED,
)

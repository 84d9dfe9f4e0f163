"""The metrics of a process: its event loop, its thread for heavy work, its clients, its log."""

from typing import Final

from bff.telemetry.metrics.definition import SHORT_SECONDS, Definition

LOOP_LAG: Final = Definition(
    "bff_loop_lag_seconds",
    "histogram",
    "How late the event loop was, looked at four times a second.",
    "process",
    (),
    "seconds",
    SHORT_SECONDS,
)
LONGEST_LOOP_LAG: Final = Definition(
    "bff_loop_longest_lag_seconds",
    "gauge",
    "How late the event loop was at most in the last 15 seconds, in the worker where it was"
    " latest.",
    "process",
    unit="seconds",
    merge="largest",
)
COLLECTIONS: Final = Definition(
    "bff_garbage_collection_seconds",
    "histogram",
    "How long Python's collector held everything up, by the generation that it looked at.",
    "process",
    ("generation",),
    "seconds",
    SHORT_SECONDS,
)
HEAVY_WAITING: Final = Definition(
    "bff_heavy_work_waiting", "gauge", "Pieces of work that wait for the thread.", "process"
)
HEAVY_WAITS: Final = Definition(
    "bff_heavy_work_wait_seconds",
    "histogram",
    "How long pieces of work waited for the thread.",
    "process",
    (),
    "seconds",
    SHORT_SECONDS,
)
HEAVY_DURATIONS: Final = Definition(
    "bff_heavy_work_duration_seconds",
    "histogram",
    "How long the thread worked on them.",
    "process",
    (),
    "seconds",
    SHORT_SECONDS,
)
HEAVY_REFUSALS: Final = Definition(
    "bff_heavy_work_refusals",
    "counter",
    "Pieces of work that were refused, since too many waited.",
    "process",
)
CLIENT_CONNECTIONS: Final = Definition(
    "bff_client_connections",
    "gauge",
    "Open connections of clients: HTTP, or tunnels of WebSockets.",
    "process",
    ("kind",),
)
CLIENTS_ACCEPTED: Final = Definition(
    "bff_client_connections_accepted", "counter", "Connections of clients.", "process"
)
CLIENTS_REFUSED: Final = Definition(
    "bff_client_refusals",
    "counter",
    "What the server refused before anything read it: connections or requests beyond the bounds"
    " (connections, requests, websockets), heads that are no HTTP or too long (head), and clients"
    " that were too slow (slow).",
    "process",
    ("reason", "http_response_status_code"),
)
LOG_LINES_LOST: Final = Definition(
    "bff_log_lines_lost",
    "counter",
    "Lines of the log that could not be written.",
    "process",
)

PROCESS_DEFINITIONS: Final = (
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
)

"""The process: its event loop, its thread for heavy work, its clients, its log."""

from typing import Final

from bff.telemetry.dashboard.panel import Panel, Query, level, levels, quantile, quantiles, rates
from bff.telemetry.metrics.process_definitions import (
    CLIENT_CONNECTIONS,
    CLIENTS_ACCEPTED,
    CLIENTS_REFUSED,
    COLLECTIONS,
    HEAVY_DURATIONS,
    HEAVY_REFUSALS,
    HEAVY_WAITING,
    HEAVY_WAITS,
    LOG_LINES_LOST,
    LONGEST_LOOP_LAG,
    LOOP_LAG,
)

LAG: Final = "Lag of the event loop"
HEAVY_QUEUE: Final = "Heavy work that waits"
HEAVY_FULL: Final = "Heavy work refused"
LINES_LOST: Final = "Log lines lost"

PROCESS_PANELS: Final = (
    Panel(
        LAG, "Does something hold up the event loop, and so every request?",
        (
            Query(quantile(0.99, LOOP_LAG, ()), "99 %"),
            Query(level(LONGEST_LOOP_LAG, ()), "longest"),
        ),
        "s", warn=0.1, alarm=0.25,
    ),
    quantiles("Garbage collection", "How long does Python's collector hold everything up?",
              COLLECTIONS, ("generation",)),
    levels(HEAVY_QUEUE, "How much heavy work waits for the thread?", HEAVY_WAITING),
    quantiles("Waits for heavy work", "How long does heavy work wait for the thread?", HEAVY_WAITS),
    quantiles("Heavy work", "How long does heavy work take?", HEAVY_DURATIONS),
    rates(HEAVY_FULL, "Was heavy work refused, since too much of it waited?", HEAVY_REFUSALS),
    levels("Connections of clients", "How many clients are connected?", CLIENT_CONNECTIONS,
           ("kind",)),
    rates("Clients that connect", "How many clients connect a second?", CLIENTS_ACCEPTED),
    rates("Clients refused by the server", "What does the server refuse before anything reads it?",
          CLIENTS_REFUSED, ("reason", "http_response_status_code")),
    rates(LINES_LOST, "Were lines of the log lost?", LOG_LINES_LOST),
)  # fmt: skip

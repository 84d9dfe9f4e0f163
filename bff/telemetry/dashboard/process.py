"""The panels of the process: workers, releases, event loop, heavy work, clients, spans, log."""

from typing import Final

from bff.telemetry.dashboard.panel import (
    Panel,
    Query,
    graph,
    level,
    levels,
    quantile,
    quantiles,
    rate,
    rates,
)
from bff.telemetry.metrics.definitions.process import (
    CLIENT_CONNECTIONS,
    CLIENTS_ACCEPTED,
    CLIENTS_REFUSED,
    COLLECTIONS,
    FAILED_RESTARTS,
    HEAVY_DURATIONS,
    HEAVY_REFUSALS,
    HEAVY_WAITING,
    HEAVY_WAITS,
    LOG_LINES_LOST,
    LONGEST_LOOP_LAG,
    LOOP_LAG,
    PROCESS_CPU,
    PROCESS_MOST_FILES,
    PROCESS_OPEN_FILES,
    PROCESS_RESIDENT_BYTES,
    PROCESS_START,
    RELEASE_INFO,
    RELEASE_LOADED,
    RELEASES,
    SPANS_DROPPED,
    SPANS_SENT,
    WORKER_DEATHS,
    WORKER_RESTARTS,
    WORKER_SILENCE,
    WORKERS,
)

WORKERS_SERVING: Final = "Workers"
WORKERS_ENDING: Final = "Workers that end"
WORKERS_SILENT: Final = "Workers that hang"
CLIENTS_TURNED_AWAY: Final = "Clients refused by the server"
LAG: Final = "Lag of the event loop"
HEAVY_QUEUE: Final = "Heavy work that waits"
HEAVY_FULL: Final = "Heavy work refused"
SPANS_LOST: Final = "Spans lost"
LINES_LOST: Final = "Log lines lost"

_PROCESS: Final = ("process",)
_RELEASE: Final = ("instance", "release")

PROCESS_PANELS: Final = (
    levels(WORKERS_SERVING, "How many workers serve, and how many start?", WORKERS, ("state",)),
    Panel(
        WORKERS_ENDING, "Do workers die, are they restarted, and do restarts fail?",
        (
            Query(rate(WORKER_DEATHS, ()), "died"),
            Query(rate(WORKER_RESTARTS, ()), "restarted"),
            Query(rate(FAILED_RESTARTS, ()), "restarts that failed"),
        ),
        "ops",
    ),
    graph(
        WORKERS_SILENT, "Does a worker hang: how long has it sent nothing?", (),
        level(WORKER_SILENCE, ()), "s", warn=3, alarm=10,
    ),
    graph(
        "Releases served", "Which gateway serves which release of the project?", _RELEASE,
        level(RELEASE_INFO, _RELEASE),
    ),
    rates("New releases", "When did workers begin to serve a new release?", RELEASES),
    graph(
        "Age of the release", "How old is the release?", ("instance",),
        f"time() - {level(RELEASE_LOADED, ('instance',))}", "s",
    ),
    graph(
        "Processor", "How many processors are used?", _PROCESS, rate(PROCESS_CPU, _PROCESS),
    ),
    levels("Memory", "How much memory is used?", PROCESS_RESIDENT_BYTES, _PROCESS),
    graph(
        "File descriptors", "Which share of the file descriptors is used?", _PROCESS,
        f"{level(PROCESS_OPEN_FILES, _PROCESS)} / {level(PROCESS_MOST_FILES, _PROCESS)}",
        "percentunit", warn=0.7, alarm=0.9,
    ),
    graph(
        "Age of the processes", "How long ago did the launcher and the youngest worker start?",
        ("instance", *_PROCESS), f"time() - {level(PROCESS_START, ('instance', *_PROCESS))}", "s",
    ),
    Panel(
        LAG, "Does something block the event loop, and so every request?",
        (
            Query(quantile(0.99, LOOP_LAG, ()), "99 %"),
            Query(level(LONGEST_LOOP_LAG, ()), "longest"),
        ),
        "s", warn=0.1, alarm=0.25,
    ),
    quantiles("Garbage collection", "How long does Python's garbage collector stop the process?",
              COLLECTIONS, ("generation",)),
    levels(HEAVY_QUEUE, "How much heavy work waits for the thread?", HEAVY_WAITING),
    quantiles("Waits for heavy work", "How long does heavy work wait for the thread?", HEAVY_WAITS),
    quantiles("Heavy work", "How long does heavy work take?", HEAVY_DURATIONS),
    rates(HEAVY_FULL, "Was heavy work refused because too much of it waited?", HEAVY_REFUSALS),
    levels("Connections of clients", "How many clients are connected?", CLIENT_CONNECTIONS,
           ("kind",)),
    rates("Clients that connect", "How many clients connect a second?", CLIENTS_ACCEPTED),
    rates(CLIENTS_TURNED_AWAY, "What does the server refuse before the gateway sees it?",
          CLIENTS_REFUSED, ("reason",)),
    rates("Spans sent", "Does the collector accept the spans of traces?", SPANS_SENT),
    rates(SPANS_LOST, "Were spans of traces lost, and why?", SPANS_DROPPED, ("reason",)),
    rates(LINES_LOST, "Were lines of the log lost?", LOG_LINES_LOST),
)  # fmt: skip

"""Alerts of what is behind screens: services, the cache's store, limits, the process."""

from typing import Final

from bff.telemetry.alerts.alert import Alert, grew, growth, level, quantile, share, some
from bff.telemetry.dashboard.cache import OWED, STORE_FAILING
from bff.telemetry.dashboard.limits import WITHOUT_REDIS
from bff.telemetry.dashboard.process import (
    CLIENTS_TURNED_AWAY,
    HEAVY_FULL,
    LAG,
    LINES_LOST,
    SPANS_LOST,
    WORKERS_ENDING,
    WORKERS_SILENT,
)
from bff.telemetry.dashboard.services import (
    FAILED,
    INSTANCE,
    INSTANCES_FAILING,
    INSTANCES_RESTING,
    INSTANCES_SLOW,
    SCHEMAS_BROKEN,
)
from bff.telemetry.metrics.definitions.cache import PURGES_OWED, STORE_OPERATIONS
from bff.telemetry.metrics.definitions.limits import LIMIT_FALLBACKS
from bff.telemetry.metrics.definitions.process import (
    CLIENTS_REFUSED,
    FAILED_RESTARTS,
    HEAVY_REFUSALS,
    LOG_LINES_LOST,
    LONGEST_LOOP_LAG,
    SPANS_DROPPED,
    WORKER_DEATHS,
    WORKER_SILENCE,
)
from bff.telemetry.metrics.definitions.services import (
    INSTANCE_RESTS,
    SCHEMA_BREAKS,
    SERVICE_CALLS,
)

_BOUNDS: Final = 'reason=~"connections|requests|app_requests|websockets"'
_NOT_OK: Final = 'outcome!="ok"'
_INSTANCE: Final = "{{ $labels.service }} at {{ $labels.server_address }}:{{ $labels.server_port }}"

SERVICE_ALERTS: Final = (
    Alert(
        "BffInstanceFailing",
        f"More than 20 % of the calls of {_INSTANCE} fail.",
        f"{share(SERVICE_CALLS, '1m', INSTANCE, FAILED)} > 0.2"
        f" and {some(SERVICE_CALLS, '1m', INSTANCE, FAILED)}",
        "15s",
        "page",
        "Is it this instance alone, or the whole service? Lines of the log say in `bff.failures`"
        " what it answered. Screens degrade, or fail, as their steps' `on_failure` says.",
        INSTANCES_FAILING,
        INSTANCE,
    ),
    Alert(
        "BffInstanceSlow",
        f"One of 20 calls of {_INSTANCE} takes more than a second.",
        quantile(SERVICE_CALLS, "5m", INSTANCE) + " > 1",
        "2m",
        "ticket",
        "Is it this instance alone, or the whole service? Steps that take longer than their"
        " `timeout` fail.",
        INSTANCES_SLOW,
        INSTANCE,
    ),
    Alert(
        "BffInstanceResting",
        f"Calls get no connection to {_INSTANCE}.",
        # By the counter: between two rests of 3 seconds the gauge is 0, where calls are few.
        growth(INSTANCE_RESTS, "1m", INSTANCE) + " > 0",
        "90s",
        "ticket",
        "Is it running, and does its address lead to it? Calls go to the other instances of the"
        " service meanwhile.",
        INSTANCES_RESTING,
        INSTANCE,
    ),
    Alert(
        "BffSchemaBroken",
        "Replies to {{ $labels.operation }} break their schema.",
        grew(SCHEMA_BREAKS, "5m", ("service", "operation")),
        "",
        "ticket",
        "The service has changed, or the schema is wrong: a line of the log names the place in"
        " `bff.field`. What breaks its schema is a failure of the step.",
        SCHEMAS_BROKEN,
        ("service", "operation"),
    ),
)

CACHE_ALERTS: Final = (
    Alert(
        "BffStoreFailing",
        "The store that workers share fails, or is left alone.",
        f"{share(STORE_OPERATIONS, '1m', (), _NOT_OK)} > 0.5"
        f" and {some(STORE_OPERATIONS, '1m', (), _NOT_OK)}",
        "30s",
        "page",
        "Is Redis running, and quick enough? Each worker goes on with its own memory: services get"
        " more calls, and purges are owed.",
        STORE_FAILING,
    ),
    Alert(
        "BffPurgesOwed",
        "{{ $value }} purges wait for the store that workers share.",
        level(PURGES_OWED) + " > 0",
        "1m",
        "page",
        "What was purged may be in the store yet, for workers that start. It is purged when Redis"
        " answers again.",
        OWED,
    ),
)

LIMIT_ALERTS: Final = (
    Alert(
        "BffLimitsWithoutRedis",
        "The limit {{ $labels.limit }} decides without Redis.",
        grew(LIMIT_FALLBACKS, "2m", ("limit",)),
        "1m",
        "ticket",
        "Is Redis running, and quick enough? Until then each worker counts for itself, lets all in"
        " or refuses all, as the limit's `without_redis` says.",
        WITHOUT_REDIS,
        ("limit",),
    ),
)

PROCESS_ALERTS: Final = (
    Alert(
        "BffDown",
        "{{ $labels.instance }} can't be scraped.",
        'up{job="bff"} == 0',
        "30s",
        "page",
        "Is the gateway running, and does BFF_METRICS_PORT listen where Prometheus asks? In its"
        " configuration the job has to be called bff.",
        "Requests now",
        ("instance",),
    ),
    Alert(
        "BffWorkersDying",
        "Workers die, one after the other.",
        growth(WORKER_DEATHS, "10m") + " > 1.5",  # one is 1 and a bit, by extrapolation
        "",
        "page",
        "The launcher starts others, after a growing pause. Its lines in the log have the exit"
        " status; a killed worker may have run out of memory.",
        WORKERS_ENDING,
    ),
    Alert(
        "BffWorkerHangs",
        "A worker has sent nothing for {{ $value | humanizeDuration }}.",
        level(WORKER_SILENCE) + " > 10",
        "15s",
        "page",
        "Its event loop is blocked, or has no processor time; its clients wait. A stack of it shows"
        " where, as `py-spy dump` prints one. Killed by SIGKILL, it is replaced.",
        WORKERS_SILENT,
    ),
    Alert(
        "BffRestartFailed",
        "A restart failed: the release of before goes on.",
        grew(FAILED_RESTARTS, "10m"),
        "",
        "ticket",
        "The lines before `the restart ends here` in the log say why, as `bff check` does. Mend the"
        " project, or take the change back, before a worker dies: its successor could not start.",
        WORKERS_ENDING,
    ),
    Alert(
        "BffClientsRefused",
        "The gateway is full, and refuses clients: {{ $labels.reason }}.",
        growth(CLIENTS_REFUSED, "1m", ("reason",), _BOUNDS) + " >= 10",
        "30s",
        "page",
        "Requests pile up where services are slow: look at those first. Else more come than the"
        " workers can serve, or than BFF_CONNECTIONS, BFF_REQUESTS_IN_FLIGHT and BFF_WEBSOCKETS let"
        " in. No screen counts what is refused here.",
        CLIENTS_TURNED_AWAY,
        ("reason",),
    ),
    Alert(
        "BffEventLoopLate",
        "The event loop was held up for {{ $value | humanizeDuration }}.",
        level(LONGEST_LOOP_LAG) + " > 0.25",
        "1m",
        "ticket",
        "Every request of a worker waits meanwhile. Is the machine's processor used up? Else code"
        " of an app, or of a schema, holds it up.",
        LAG,
    ),
    Alert(
        "BffHeavyWorkRefused",
        "Heavy work was refused, since too much of it waited.",
        grew(HEAVY_REFUSALS, "5m"),
        "",
        "ticket",
        "Large replies come faster than a worker reads them. More workers, smaller pages, or"
        " `validate: used` help.",
        HEAVY_FULL,
    ),
    Alert(
        "BffSpansLost",
        "Spans of traces were lost: {{ $labels.reason }}.",
        grew(SPANS_DROPPED, "5m", ("reason",)),
        "",
        "ticket",
        "Is the collector at OTEL_EXPORTER_OTLP_ENDPOINT running, and quick enough? Replies go on.",
        SPANS_LOST,
        ("reason",),
    ),
    Alert(
        "BffLogLinesLost",
        "Lines of the log were lost.",
        grew(LOG_LINES_LOST, "5m"),
        "",
        "ticket",
        "Who reads the gateway's standard output is too slow, or its disk is full. Replies go on.",
        LINES_LOST,
    ),
)

"""Alerts on the causes behind screens: services, the store of the cache, limits, the process."""

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
        "Does this instance fail alone, or the whole service? The log shows its answers in"
        " `bff.failures`. Screens are degraded or fail, as `on_failure` of their steps says. If"
        " Why calls fail shows `deadline`, a screen's time was over: the instance hangs, or another"
        " step had used the time.",
        INSTANCES_FAILING,
        INSTANCE,
    ),
    Alert(
        "BffInstanceSlow",
        f"One of 20 calls of {_INSTANCE} takes more than a second.",
        quantile(SERVICE_CALLS, "5m", INSTANCE) + " > 1",
        "2m",
        "ticket",
        "Is this instance slow alone, or the whole service? Steps that take longer than their"
        " `timeout` fail.",
        INSTANCES_SLOW,
        INSTANCE,
    ),
    Alert(
        "BffInstanceResting",
        f"No connection can be opened to {_INSTANCE}.",
        # By the counter: between two rests of 3 seconds the gauge is 0, where calls are few.
        growth(INSTANCE_RESTS, "1m", INSTANCE) + " > 0",
        "90s",
        "ticket",
        "Is the instance running, and is its address right? Meanwhile calls go to the other"
        " instances of the service.",
        INSTANCES_RESTING,
        INSTANCE,
    ),
    Alert(
        "BffSchemaBroken",
        "Replies to {{ $labels.operation }} break their schema.",
        grew(SCHEMA_BREAKS, "5m", ("service", "operation")),
        "",
        "ticket",
        "The service has changed, or the schema is wrong. The log names the field in `bff.field`."
        " A reply that breaks its schema fails its step.",
        SCHEMAS_BROKEN,
        ("service", "operation"),
    ),
)

CACHE_ALERTS: Final = (
    Alert(
        "BffStoreFailing",
        "The store that workers share fails.",
        f"{share(STORE_OPERATIONS, '1m', (), _NOT_OK)} > 0.5"
        f" and {some(STORE_OPERATIONS, '1m', (), _NOT_OK)}",
        "30s",
        "page",
        "Is Redis running, and quick enough? Meanwhile each worker uses its own memory: services"
        " get more calls, and purges wait for the store.",
        STORE_FAILING,
    ),
    Alert(
        "BffPurgesOwed",
        "{{ $value }} purges wait for the store that workers share.",
        level(PURGES_OWED) + " > 0",
        "1m",
        "page",
        "The store may still hold purged entries, and a worker that starts may serve them. They are"
        " purged when Redis answers again. A worker that ends before forgets its own, and says so"
        " in the log: purge them again with `bff purge`.",
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
        "Is Redis running, and quick enough? Meanwhile each worker counts alone, admits all"
        " requests or refuses all, as `without_redis` of the limit says.",
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
        "Is the gateway running, and is BFF_METRICS_PORT the port that Prometheus scrapes? The"
        " scrape job must have the name bff.",
        "Requests now",
        ("instance",),
    ),
    Alert(
        "BffNotScraped",
        "Prometheus scrapes no gateway.",
        'absent(up{job="bff"})',
        "5m",
        "page",
        "Does its configuration have a job with the name bff, and did discovery find a gateway for"
        " it? Without one no other alert fires.",
        "Requests now",
    ),
    Alert(
        "BffWorkersDying",
        "Several workers died within 10 minutes.",
        growth(WORKER_DEATHS, "10m") + " > 1.5",  # one is 1 and a bit, by extrapolation
        "",
        "page",
        "The launcher starts new workers, after growing pauses, and logs the exit status of each"
        " dead one. A killed worker may have run out of memory.",
        WORKERS_ENDING,
    ),
    Alert(
        "BffWorkerHangs",
        "A worker has sent nothing for {{ $value | humanizeDuration }}.",
        level(WORKER_SILENCE) + " > 10",
        "15s",
        "page",
        "Its event loop is blocked, or gets no processor time; its clients wait. The stack that"
        " `py-spy dump` prints shows where. Kill it with SIGKILL: the launcher replaces it.",
        WORKERS_SILENT,
    ),
    Alert(
        "BffRestartFailed",
        "A restart failed: the old release is still served.",
        grew(FAILED_RESTARTS, "10m"),
        "",
        "ticket",
        "The log says why, in the lines before `the restart ends here`; so does `bff check`. Mend"
        " the project, or undo the change, before a worker dies: its successor could not start.",
        WORKERS_ENDING,
    ),
    Alert(
        "BffClientsRefused",
        "The gateway is full and refuses clients: {{ $labels.reason }}.",
        growth(CLIENTS_REFUSED, "1m", ("reason",), _BOUNDS) + " >= 10",
        "30s",
        "page",
        "Look at slow services first: requests pile up behind them. Else more requests arrive than"
        " the workers can serve, or than BFF_CONNECTIONS, BFF_REQUESTS_IN_FLIGHT and BFF_WEBSOCKETS"
        " admit. Connections that are refused count in no graph of screens, and have no line in the"
        " log.",
        CLIENTS_TURNED_AWAY,
        ("reason",),
    ),
    Alert(
        "BffEventLoopLate",
        "The event loop was blocked for {{ $value | humanizeDuration }}.",
        level(LONGEST_LOOP_LAG) + " > 0.25",
        "1m",
        "ticket",
        "All requests of the worker wait meanwhile. Is the machine's processor fully used? If not,"
        " code of an app or of a schema blocks the event loop.",
        LAG,
    ),
    Alert(
        "BffHeavyWorkRefused",
        "Heavy work was refused because too much of it waited.",
        grew(HEAVY_REFUSALS, "5m"),
        "",
        "ticket",
        "Large replies arrive faster than a worker reads them. Use more workers, smaller pages or"
        " `validate: used`.",
        HEAVY_FULL,
    ),
    Alert(
        "BffSpansLost",
        "Spans of traces were lost: {{ $labels.reason }}.",
        grew(SPANS_DROPPED, "5m", ("reason",)),
        "",
        "ticket",
        "Is the collector at OTEL_EXPORTER_OTLP_ENDPOINT running, and quick enough? Requests are"
        " not affected.",
        SPANS_LOST,
        ("reason",),
    ),
    Alert(
        "BffLogLinesLost",
        "Lines of the log were lost.",
        grew(LOG_LINES_LOST, "5m"),
        "",
        "ticket",
        "The reader of the gateway's standard output is too slow, or its disk is full. Requests are"
        " not affected.",
        LINES_LOST,
    ),
)

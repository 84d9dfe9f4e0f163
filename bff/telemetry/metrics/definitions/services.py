"""The metrics of services: attempts, instances, connections, schemas, and those who issue tokens.

`server_address` and `server_port` are OpenTelemetry's `server.address` and `server.port`: those of
the instance, as the project has them.
"""

from typing import Final

from bff.telemetry.metrics.definitions.definition import HTTP_SECONDS, SHORT_SECONDS, Definition

_INSTANCE: Final = ("service", "server_address", "server_port")
_POOL: Final = ("server_address", "server_port")

SERVICE_CALLS: Final = Definition(
    "http_client_request_duration_seconds",
    "histogram",
    "How long exchanges with instances of services took; each attempt is one exchange. The"
    " exchange of a streamed reply ends when its body begins. The error is a status from 400 on,"
    " or the reason why no reply came.",
    "services",
    (*_INSTANCE, "http_request_method", "http_response_status_code", "error_type"),
    "seconds",
    HTTP_SECONDS,
)
BROKEN_BODIES: Final = Definition(
    "bff_service_broken_bodies",
    "counter",
    "Streamed replies of services that broke off in the body, by the reason.",
    "services",
    (*_INSTANCE, "error_type"),
)
RESTING_INSTANCES: Final = Definition(
    "bff_instance_resting",
    "gauge",
    "Workers in which the instance rests: it had no connection, and calls try the others first.",
    "services",
    _INSTANCE,
)
INSTANCE_RESTS: Final = Definition(
    "bff_instance_rests",
    "counter",
    "Calls that got no connection to the instance, after which it rests.",
    "services",
    _INSTANCE,
)
PASSED_OVER: Final = Definition(
    "bff_instance_passed_over",
    "counter",
    "Calls that went to another instance while this one rested.",
    "services",
    _INSTANCE,
)
OPEN_CONNECTIONS: Final = Definition(
    "http_client_open_connections",
    "gauge",
    "Open connections to instances, active or idle.",
    "services",
    (*_POOL, "http_connection_state"),
)
CONNECTS: Final = Definition(
    "bff_pool_connect_duration_seconds",
    "histogram",
    "How long it took to open a connection, with TLS. The error is the reason why it failed.",
    "services",
    (*_POOL, "error_type"),
    "seconds",
    SHORT_SECONDS,
)
REUSED_CONNECTIONS: Final = Definition(
    "bff_pool_reused_connections",
    "counter",
    "Requests that found an idle connection.",
    "services",
    _POOL,
)
POOL_WAITING: Final = Definition(
    "bff_pool_waiting", "gauge", "Requests that wait for a connection.", "services", _POOL
)
POOL_WAITS: Final = Definition(
    "bff_pool_wait_duration_seconds",
    "histogram",
    "How long requests waited for a connection, whether they got one or not.",
    "services",
    _POOL,
    "seconds",
    SHORT_SECONDS,
)
SCHEMA_BREAKS: Final = Definition(
    "bff_schema_breaks",
    "counter",
    "Replies of services that broke the schema of their operation.",
    "services",
    ("service", "operation"),
)
EQUAL_CALLS: Final = Definition(
    "bff_equal_calls",
    "counter",
    "Calls that were not sent because the same run had made an equal one.",
    "services",
    ("service",),
)
ISSUER_REQUESTS: Final = Definition(
    "bff_issuer_request_duration_seconds",
    "histogram",
    "How long requests to issuers of tokens took, by purpose: metadata, keys, introspection,"
    " tokens. The error is a status from 400 on, or the reason why no reply came: timeout,"
    " unreachable, protocol, cancelled.",
    "services",
    ("issuer", "purpose", "error_type"),
    "seconds",
    HTTP_SECONDS,
)

SERVICES: Final = (
    SERVICE_CALLS,
    BROKEN_BODIES,
    RESTING_INSTANCES,
    INSTANCE_RESTS,
    PASSED_OVER,
    OPEN_CONNECTIONS,
    CONNECTS,
    REUSED_CONNECTIONS,
    POOL_WAITING,
    POOL_WAITS,
    SCHEMA_BREAKS,
    EQUAL_CALLS,
    ISSUER_REQUESTS,
)

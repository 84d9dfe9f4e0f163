"""Opens a transport by its name; holds the defaults of every upstream connection."""

from typing import Final, Literal, assert_never

from bff.telemetry.metrics.families import Metrics
from bff.upstream.http1.pool import Limits
from bff.upstream.http1.transport import Http1Transport
from bff.upstream.httpx.transport import HttpxTransport
from bff.upstream.ports import Transport

TransportName = Literal["http1", "httpx"]

CONNECT_TIMEOUT_SECONDS: Final = 0.5

# Node's and uvicorn's servers close an idle connection after 5 s. With less, a request rarely meets
# a connection that is about to close. Retries would be the pipeline's (`bff.upstream.pipeline`).
IDLE_SECONDS: Final = 4.0


def open_transport(
    name: TransportName,
    metrics: Metrics | None = None,
    *,
    connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
    idle_seconds: float = IDLE_SECONDS,
) -> Transport:
    """Open it in the process and on the loop that will use it, after any fork."""
    match name:
        case "http1":
            return Http1Transport(Limits(connect_timeout_seconds, idle_seconds), metrics)
        case "httpx":
            return HttpxTransport(
                connect_timeout_seconds=connect_timeout_seconds,
                idle_seconds=idle_seconds,
                metrics=metrics,
            )
        case _:
            assert_never(name)

"""Opens a transport by name; the defaults of every upstream connection stand here."""

from typing import Final, Literal, assert_never

from bff.upstream.httpx.transport import HttpxTransport
from bff.upstream.ports import Transport
from bff.upstream.pyreqwest.transport import PyreqwestTransport

TransportName = Literal["pyreqwest", "httpx"]

CONNECT_TIMEOUT_SECONDS: Final = 0.5

# Below the 5 s after which Node's and uvicorn's servers close an idle connection, so that a
# request rarely meets one that is about to close. There is no retry here: the layer that decides
# about retries is one, and this isn't it.
IDLE_SECONDS: Final = 4.0


def open_transport(
    name: TransportName,
    *,
    connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
    idle_seconds: float = IDLE_SECONDS,
) -> Transport:
    """Open it in the process and on the loop that will use it, after any fork."""
    match name:
        case "pyreqwest":
            return PyreqwestTransport(
                connect_timeout_seconds=connect_timeout_seconds, idle_seconds=idle_seconds
            )
        case "httpx":
            return HttpxTransport(
                connect_timeout_seconds=connect_timeout_seconds, idle_seconds=idle_seconds
            )
        case _:
            assert_never(name)

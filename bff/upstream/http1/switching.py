"""The exchange that offers another protocol, and gives its connection away after a 101."""

from typing import Final

from bff.engine.answers import OnAnswer
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.timers import TimerWheel
from bff.upstream.http1.connection import Connection
from bff.upstream.http1.exchanges import Connections, UpstreamExchange
from bff.upstream.http1.replies import ReplyReader
from bff.upstream.ports import SwitchedConnection

_CONNECTION: Final = b"connection: upgrade\r\n\r\n"


def offering(data: bytes) -> bytes:
    """The request with the line that makes an offer of its `upgrade` (RFC 9110 §7.8)."""
    return data[:-2] + _CONNECTION


class SwitchOffer(UpstreamExchange[SwitchedConnection | UpstreamReply]):
    """An exchange of one offer, which another reply than 101 refuses; the body of that has at most
    `byte_cap` bytes."""

    __slots__ = ("_answer", "_byte_cap")

    def __init__(
        self,
        wheel: TimerWheel,
        connections: Connections,
        call: ServiceCall,
        data: bytes,
        on_answer: OnAnswer[SwitchedConnection | UpstreamReply],
        ends_at: float,
        byte_cap: int,
    ) -> None:
        super().__init__(wheel, connections, call, data, on_answer, ends_at)
        self._byte_cap = byte_cap
        self._answer: SwitchedConnection | UpstreamReply | Failed | None = None

    def on_connection(self, connection: Connection) -> None:
        """See `UpstreamExchange.on_connection`."""
        super().on_connection(connection)
        connection.reader.expect_switch()

    def on_reply(self, reader: ReplyReader) -> None:
        """See `Exchange.on_reply`."""
        if reader.body_bytes > self._byte_cap or (reader.length or 0) > self._byte_cap:
            self._answer = Failed(Reason.TOO_LARGE, status=reader.status)
        elif not reader.ended:
            return
        elif reader.status == 101 and self._connection is not None:
            headers, early = reader.headers, reader.surplus
            self._answer = SwitchedConnection(headers, self._connection.detach(), early)
        else:
            self._answer = UpstreamReply(reader.status, reader.headers, reader.take_body())

    def notify(self) -> None:
        """See `Exchange.notify`."""
        if self._answer is not None:
            if self._connection is not None:
                self._connection.leave(self)
            self._end(self._answer)

    def cancel(self) -> None:
        """See `Handle.cancel`. Whoever is cancelled in the turn of the loop that brings the answer
        has not taken it."""
        super().cancel()
        if isinstance(self._answer, SwitchedConnection):
            self._answer.transport.abort()

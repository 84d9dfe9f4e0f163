"""What is seen of a request once its reply is out: its line in the log.

Hosts call one of these methods once a request, after they have sent the reply. None of them raises.
"""

from bff.web.http.logs import Log
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest

CLIENT_LEFT = 499  # nginx's number for it


class Telemetry:
    """Sees the requests of one process. Safe to share between threads."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def ended(self, request: GatewayRequest, reply: Reply, sent_bytes: int) -> None:
        """The reply is out, with so many bytes of its body."""
        self._log.request(request, reply, sent_bytes)

    def abandoned(self, request: GatewayRequest) -> None:
        """The client left, and nothing was answered."""
        self.ended(request, Reply(CLIENT_LEFT, []), 0)

    def broken(self, request: GatewayRequest, reply: Reply, sent_bytes: int, why: str) -> None:
        """A reply broke off after its head was sent."""
        half = Reply(reply.status, [], facts={**reply.facts, "broken": why}, account=reply.account)
        self.ended(request, half, sent_bytes)

    def bug(self, request: GatewayRequest, error: BaseException) -> None:
        """An exception that nobody foresaw, in a host. The request ends beside it."""
        self._log.bug(request, error)

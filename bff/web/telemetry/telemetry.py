"""Logs, counts and traces requests, once their replies are out.

Hosts call one of `ended`, `abandoned` and `broken` for each request, after they have sent the
reply. For a request that must wait they call `begin_work` before, and `end_work` at its end. No
method raises.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bff.engine.engine import RunObserver
from bff.telemetry.logs.events import AuditEntry
from bff.telemetry.metrics.families import Metrics
from bff.web.http.replies import CLIENT_LEFT, BrokenBy, Reply
from bff.web.http.requests import GatewayRequest
from bff.web.logs.log import Log
from bff.web.telemetry.request_counts import RequestCounts, WorkKind
from bff.web.telemetry.run_counts import RunCounts
from bff.web.telemetry.run_faults import RunFaults

if TYPE_CHECKING:
    from bff.web.telemetry.tracer import RequestTracer


class Telemetry:
    """Sees the requests of one process. Safe to share between threads. Without `metrics` nothing is
    counted. Without a `tracer` there are no spans. Steps are slow from `slow_seconds` on; 0: no
    step is."""

    def __init__(
        self,
        log: Log,
        metrics: Metrics | None = None,
        tracer: "RequestTracer | None" = None,
        slow_seconds: float = 0.0,
    ) -> None:
        self._log = log
        self._tracer = tracer
        self._slow_seconds = slow_seconds
        self._counts = None if metrics is None else RequestCounts(metrics)
        self._run_counts = None if metrics is None else RunCounts(metrics)
        self._faults = RunFaults(log, slow_seconds)

    @property
    def run_observers(self) -> Sequence[RunObserver]:
        """The observers of each run, on the loop."""
        counts = [] if self._run_counts is None else [self._run_counts.count]
        return (*counts, self._faults.note)

    def close(self) -> None:
        """Report the counts of faults that are not yet reported. Runs on the loop."""
        self._faults.close()

    def renew(self) -> None:
        """In a forked child: leave the earlier faults to the parent."""
        self._faults = RunFaults(self._log, self._slow_seconds)

    def begin_work(self, request: GatewayRequest, kind: WorkKind | None = None) -> None:
        """The request must wait. Without a `kind` it counts under that of its destination."""
        if self._counts is not None:
            self._counts.begin_work(request, kind or request.destination.kind)

    def end_work(self, request: GatewayRequest) -> None:
        """The request no longer waits, if it did."""
        if self._counts is not None:
            self._counts.end_work(request)

    def ended(self, request: GatewayRequest, reply: Reply, sent_bytes: int) -> None:
        """The reply is out, with so many bytes of its body."""
        self._log.request(request, reply, sent_bytes)
        if self._tracer is not None:
            self._see(request, reply, sent_bytes, None)
        elif self._counts is not None:  # as `_see` does, in less time, for hits of the cache
            try:
                self._counts.count(request, reply, sent_bytes)
            except Exception as error:
                self._log.bug(request, error)

    def abandoned(self, request: GatewayRequest) -> None:
        """The client left before it got an answer."""
        reply = Reply(CLIENT_LEFT, [])
        self._log.request(request, reply, 0)
        self._see(request, reply, 0, "client left")

    def broken(self, request: GatewayRequest, reply: Reply, sent_bytes: int, why: BrokenBy) -> None:
        """A reply broke off after its head was sent."""
        facts = {**reply.facts, "bff.broken": why}
        half = Reply(reply.status, [], facts=facts, account=reply.account)
        self._log.request(request, half, sent_bytes)
        self._see(request, half, sent_bytes, why)

    def refused(self, request: GatewayRequest, reply: Reply) -> None:
        """Access or a limit refuses the request."""
        self._log.refusal(request, reply)
        if self._counts is not None:
            self._counts.count_refusal(request, reply)

    def audit(self, entry: AuditEntry) -> None:
        """An action that has an audit line was done or refused."""
        self._log.audit(entry)
        if self._counts is not None:
            self._counts.count_action(entry.action, entry.outcome)

    def count_refresh(self, outcome: str) -> None:
        """The token of a browser's session was refreshed, or the refresh failed."""
        if self._counts is not None:
            self._counts.count_action("refresh", outcome)

    def bug(self, request: GatewayRequest, error: BaseException) -> None:
        """An unexpected exception. The request's end is reported separately."""
        self._log.bug(request, error)

    def _see(
        self, request: GatewayRequest, reply: Reply, sent_bytes: int, why: BrokenBy | None
    ) -> None:
        try:
            counts, tracer = self._counts, self._tracer
            seconds = None if counts is None else counts.count(request, reply, sent_bytes, why)
            kept = None if tracer is None else tracer.ended(request, reply, why or "")
            if counts is not None and seconds is not None and kept is not None:
                counts.exemplify(request, reply, why, seconds, kept.trace_id.decode())
        except Exception as error:
            self._log.bug(request, error)

"""Counts exchanges with instances of services: an observer (`bff.upstream.observed`).

Labels are the project's: the service, and the instance as the project writes it. What comes from
elsewhere is one of a few words: a method or a status that HTTP doesn't have is `_OTHER`.
"""

from bisect import bisect_left
from typing import Final

from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed
from bff.methods import KNOWN_METHODS
from bff.telemetry.metrics.families import OTHER, Metrics
from bff.telemetry.metrics.service_definitions import BROKEN_BODIES, SERVICE_CALLS
from bff.upstream.observed import Answer, ObservedCall
from bff.upstream.ports import Server, SwitchedConnection

_STATUSES: Final = {status: str(status) for status in range(100, 600)}
_CANCELLED: Final = ("", "cancelled")
_BUG: Final = ("", "bug")
_SWITCHED: Final = ("101", "")


class CallCounts:
    """The counts of one process's exchanges. It takes 1 µs a call."""

    def __init__(self, metrics: Metrics) -> None:
        self._calls = metrics.histogram(SERVICE_CALLS)
        self._broken = metrics.counter(BROKEN_BODIES)

    def observe(self, observed: ObservedCall) -> None:
        """See `Observer`."""
        (_, host, port), call, started_at, ended_at, answer = observed
        calls = self._calls
        seconds = ended_at - started_at
        method = call.method if call.method in KNOWN_METHODS else OTHER
        cell = calls.at(call.service, host, port, method, *_status_and_error(answer))
        cell[bisect_left(calls.bounds, seconds)] += 1
        cell[-1] += seconds

    def observe_break(self, server: Server, call: ServiceCall, failure: Failed) -> None:
        """See `BreakObserver`."""
        self._broken.at(call.service, server.host, server.port, failure.reason.word)[0] += 1


def _status_and_error(answer: Answer | None) -> tuple[str, str]:
    """The labels `http_response_status_code` and `error_type`: by OpenTelemetry's rule for clients
    the error of a status from 400 on is that status."""
    if type(answer) is UpstreamReply:  # as most are: a match takes three times as long
        return _of_status(answer.status)
    match answer:
        case None:
            return _CANCELLED
        case Failed(reason=reason, status=status):
            return "" if status is None else _of_status(status)[0], reason.word
        case Exception():
            return _BUG
        case SwitchedConnection():
            return _SWITCHED
        case _:
            return _of_status(answer.status)


def _of_status(status: int) -> tuple[str, str]:
    text = _STATUSES.get(status, OTHER)
    return text, text if status >= 400 else ""

"""Counts exchanges with instances of services: an observer (`bff.upstream.observed`).

The service and the instance have the names of the project. Other labels have few values: a method
that HTTP lacks counts as `_OTHER`, and a status that is not registered as the first of its class.
"""

from bisect import bisect_left
from typing import Final

from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed
from bff.methods import KNOWN_METHODS
from bff.telemetry.metrics.definitions.definition import OTHER, STATUS_LABELS
from bff.telemetry.metrics.definitions.services import BROKEN_BODIES, SERVICE_CALLS
from bff.telemetry.metrics.families import Metrics
from bff.upstream.observed import ObservedCall
from bff.upstream.ports import Server

# OpenTelemetry's rule for clients: the error of a status from 400 on is the status.
_OF_STATUS: Final = {
    status: (label, "" if status < 400 else label) for status, label in STATUS_LABELS.items()
}
_OF_NO_STATUS: Final = (OTHER, OTHER)


class CallCounts:
    """The counts of one process's exchanges. To count one takes 0.6 µs."""

    def __init__(self, metrics: Metrics) -> None:
        self._calls = metrics.histogram(SERVICE_CALLS)
        self._series = self._calls.series
        self._bounds = self._calls.bounds
        self._broken = metrics.counter(BROKEN_BODIES)

    def observe(self, observed: ObservedCall) -> None:
        """See `Observer`."""
        (_, host, port), call, answer = observed.server, observed.call, observed.answer
        method = call.method if call.method in KNOWN_METHODS else OTHER
        if type(answer) is UpstreamReply:  # as most are: a match takes three times as long
            status, error = _OF_STATUS.get(answer.status, _OF_NO_STATUS)
        else:
            status, error = _status_and_error(observed)
        labels = (call.service, host, port, method, status, error)
        cell = self._series.get(labels) or self._calls.at(*labels)
        seconds = observed.ended_at - observed.started_at
        cell[bisect_left(self._bounds, seconds)] += 1
        cell[-1] += seconds

    def observe_break(self, server: Server, call: ServiceCall, failure: Failed) -> None:
        """See `BreakObserver`."""
        self._broken.at(call.service, server.host, server.port, failure.reason.word)[0] += 1


def _status_and_error(observed: ObservedCall) -> tuple[str, str]:
    """The labels `http_response_status_code` and `error_type`."""
    status = observed.status
    text, error = ("", "") if status is None else _OF_STATUS.get(status, _OF_NO_STATUS)
    return text, observed.error or error

"""Counts requests when their replies are out, and the requests in flight.

Rules:
1. The values of labels are names of the project or words of short lists: OpenTelemetry's methods
   and `_OTHER` for all others; words of the code for errors.
2. The destination holds the cells of its requests, so they are looked up once. A hit of the cache
   pays for one look-up and some additions: 0.5 µs, of 27 that it takes in all.
3. A request to a composition is counted by the reply that the client got: by its status, not by the
   result of the run.
"""

import re
from bisect import bisect_left
from math import inf
from time import perf_counter, time
from typing import Final, Literal, NamedTuple

from bff.methods import KNOWN_METHODS
from bff.telemetry.metrics.definitions.cache import CACHE_REQUESTS
from bff.telemetry.metrics.definitions.definition import HTTP_SECONDS, OTHER, STATUS_LABELS
from bff.telemetry.metrics.definitions.limits import ACCESS_REFUSALS, ACTIONS
from bff.telemetry.metrics.definitions.screens import (
    COMPOSITION_BYTES,
    COMPOSITIONS,
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    SLO_MISSES,
)
from bff.telemetry.metrics.families import Cell, Labels, Metrics
from bff.web.http.destination import Destination, DestinationKind
from bff.web.http.replies import CLIENT_LEFT, BrokenBy, CacheState, PayloadOutcome, Reply
from bff.web.http.requests import GatewayRequest

WorkKind = DestinationKind | Literal["websocket"]

MOST_REASONS: Final = 64
_SCHEMES: Final = frozenset(("http", "https"))
_FIRST_BOUND: Final = HTTP_SECONDS[0]  # nearly all hits are below it; a search takes 0.06 µs
_NO_ACCOUNT: Final = (None, None, None, (), (), ())
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class _Ending(NamedTuple):
    """How a request ended, in the words that are counted. `broken` is how its reply broke off.
    `view`, `cache` and `outcome` are those of the account, None without one."""

    method: str
    scheme: str
    status: int
    broken: BrokenBy | None
    view: str | None
    cache: CacheState | None
    outcome: PayloadOutcome | None


class _Cells(NamedTuple):
    """The cells of requests that ended alike. Requests to other endpoints have no `composition`,
    and those that did not reach the cache have no `cache`. A request that takes longer than
    `most_seconds` misses the `slo` of its composition."""

    requests: Cell
    composition: Cell | None
    sent_bytes: Cell
    cache: Cell | None
    most_seconds: float
    missed: Cell


class RequestCounts:
    """Counts the requests of one process. Safe to share between threads."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.histogram(REQUESTS)
        self._at_work = metrics.gauge(REQUESTS_IN_FLIGHT)
        self._compositions = metrics.histogram(COMPOSITIONS)
        self._sent_bytes = metrics.counter(COMPOSITION_BYTES)
        self._cache = metrics.counter(CACHE_REQUESTS)
        self._refusals = metrics.counter(ACCESS_REFUSALS)
        self._actions = metrics.counter(ACTIONS)
        self._missed = metrics.counter(SLO_MISSES)
        self._reasons: set[str] = set()

    def begin_work(self, request: GatewayRequest, kind: WorkKind) -> None:
        """The request is in flight from now on, until `end_work`."""
        request.at_work = cell = self._at_work.at(kind)
        cell[0] += 1

    def end_work(self, request: GatewayRequest) -> None:
        """The request is no longer in flight. A second call does nothing."""
        cell, request.at_work = request.at_work, None
        if cell is not None:
            cell[0] -= 1

    def count(
        self, request: GatewayRequest, reply: Reply, sent_bytes: int, broken: BrokenBy | None = None
    ) -> float:
        """Count a request whose reply is out or `broken` off. Returns the seconds that it took."""
        view = cache = outcome = None
        if (account := reply.account) is not None:
            view, cache, outcome = account.view, account.cache, account.outcome
        # As `_Ending`, which takes three times as long.
        key = (request.method, request.scheme, reply.status, broken, view, cache, outcome)
        cells = request.destination.cells.get(key) or self._cells(request, reply, broken)
        requests, composition, sent, cached, most_seconds, missed = cells
        seconds = perf_counter() - request.started_at
        bucket = 0 if seconds <= _FIRST_BOUND else bisect_left(HTTP_SECONDS, seconds)
        requests[bucket] += 1
        requests[-1] += seconds
        if composition is not None:
            composition[bucket] += 1
            composition[-1] += seconds
            sent[0] += sent_bytes
            if cached is not None:
                cached[0] += 1
            if seconds > most_seconds:
                missed[0] += 1
        return seconds

    def exemplify(
        self,
        request: GatewayRequest,
        reply: Reply,
        broken: BrokenBy | None,
        seconds: float,
        trace_id: str,
    ) -> None:
        """Hold the trace of a counted request as an exemplar."""
        destination, now, ending = request.destination, time(), _ending(request, reply, broken)
        self._requests.exemplify(_request_labels(destination, ending), seconds, trace_id, now)
        labels = _composition_labels(destination, ending)
        if labels is not None:
            self._compositions.exemplify(labels, seconds, trace_id, now)

    def count_refusal(self, request: GatewayRequest, reply: Reply) -> None:
        """Count a request that access or a limit refused."""
        route, reason = request.destination.route, self._word(str(reply.facts["error.type"]))
        self._refusals.at(route, reason)[0] += 1

    def count_action(self, action: str, outcome: str) -> None:
        """Count an audited action."""
        self._actions.at(as_label(action), as_label(outcome))[0] += 1

    def _word(self, reason: str) -> str:
        """The reason as a label. The provider of an embedder may give any text, even a client's. So
        only words count, and only the first `MOST_REASONS`."""
        if reason in self._reasons:
            return reason
        if len(self._reasons) >= MOST_REASONS or _WORD.fullmatch(reason) is None:
            return OTHER
        self._reasons.add(reason)
        return reason

    def _cells(self, request: GatewayRequest, reply: Reply, broken: BrokenBy | None) -> _Cells:
        """The cells where `count` finds none: for the first request that ends in this way, and for
        methods that clients make up."""
        destination, ending = request.destination, _ending(request, reply, broken)
        cells = destination.cells.get(ending)
        if cells is None:
            cells = destination.cells[ending] = self._new_cells(destination, ending)
        return cells

    def _new_cells(self, destination: Destination, ending: _Ending) -> _Cells:
        requests = self._requests.at(*_request_labels(destination, ending))
        labels = _composition_labels(destination, ending)
        if labels is None:
            return _Cells(requests, None, [0.0], None, inf, [0.0])
        (name, view, outcome), slo = labels, destination.slo
        most_seconds, missed = inf, [0.0]
        if slo is not None and outcome == "failed":
            most_seconds, missed = -1.0, self._missed.at(name, "failed")
        elif slo is not None and slo.latency_seconds is not None and ending.status < 400:
            most_seconds, missed = slo.latency_seconds, self._missed.at(name, "slow")
        return _Cells(
            requests,
            self._compositions.at(*labels),
            self._sent_bytes.at(name, view),
            None if ending.cache is None else self._cache.at(name, ending.cache),
            most_seconds,
            missed,
        )


def _ending(request: GatewayRequest, reply: Reply, broken: BrokenBy | None) -> _Ending:
    """How the request ended."""
    view, cache, outcome, *_ = reply.account or _NO_ACCOUNT
    return _Ending(
        request.method if request.method in KNOWN_METHODS else OTHER,
        request.scheme if request.scheme in _SCHEMES else OTHER,
        reply.status,
        broken,
        view,
        cache,
        outcome,
    )


def _request_labels(destination: Destination, ending: _Ending) -> Labels:
    status = "" if _is_abandoned(ending) else STATUS_LABELS.get(ending.status, OTHER)
    error = as_label(ending.broken) if ending.broken else status if ending.status >= 500 else ""
    return destination.kind, ending.method, ending.scheme, destination.route, status, error


def _composition_labels(destination: Destination, ending: _Ending) -> tuple[str, str, str] | None:
    """None where the reply is not a payload."""
    outcome = _client_outcome(ending)
    if destination.kind != "composition" or outcome is None:
        return None
    return destination.name, ending.view or "", outcome


def _is_abandoned(ending: _Ending) -> bool:
    return ending.broken is not None and ending.status == CLIENT_LEFT


def _client_outcome(ending: _Ending) -> str | None:
    """The result of a composition for its client; None where the reply is not a payload, such as an
    answer to OPTIONS."""
    if _is_abandoned(ending):
        return "abandoned"
    if ending.status >= 400:
        return "failed" if ending.status >= 500 else "refused"
    return ending.outcome


def as_label(text: str) -> str:
    """The words of a text as the value of a label: `client left` is `client_left`."""
    return text.replace(" ", "_")

"""The counts of caches, of the store that workers share, and of shared replies. All caches of a
process count together."""

from typing import Final, Literal

from bff.plan.model.service import Operation
from bff.telemetry.metrics.definitions.cache import (
    ENTRY_BYTES,
    EVICTIONS,
    JOINED_FLIGHTS,
    LEASE_WAITS,
    NOT_STORED,
    PURGES,
    REFRESHES,
    REPLY_REQUESTS,
    STORE_OPERATIONS,
)
from bff.telemetry.metrics.families import Cell, Metrics

How = Literal["hit", "stale", "miss", "collapsed", "error"]
StoreOperation = Literal["find", "look", "write", "purge"]

_STATES: Final = {"error": "stale_if_error"}


class CacheCounts:
    """The counts of the caches of a process. Code on hot paths adds to the public cells itself."""

    def __init__(self, metrics: Metrics) -> None:
        self.evictions: Cell = metrics.counter(EVICTIONS).at()
        self.joined_flights: Cell = metrics.counter(JOINED_FLIGHTS).at()
        self._entries = metrics.histogram(ENTRY_BYTES)
        self._lease_waits = metrics.histogram(LEASE_WAITS)
        self._not_stored = metrics.counter(NOT_STORED)
        self._purges = metrics.counter(PURGES)
        self._refreshes = metrics.counter(REFRESHES)
        for outcome in ("ok", "failed"):  # from 0 on, so that Prometheus sees the first growth
            self._refreshes.at(outcome)

    def store(self, size_bytes: int) -> None:
        """An entry of this size was stored."""
        self._entries.observe(self._entries.at(), size_bytes)

    def not_store(self, reason: Literal["untagged", "purged", "memory", "store"]) -> None:
        """A result that could have been stored was not."""
        self._not_stored.at(reason)[0] += 1

    def refresh(self, outcome: Literal["ok", "failed"]) -> None:
        """The refresh of a stale entry in the background has ended."""
        self._refreshes.at(outcome)[0] += 1

    def wait_for_lease(self, seconds: float) -> None:
        """A request waited for the run of another worker."""
        self._lease_waits.observe(self._lease_waits.at(), seconds)

    def purge(self, scope: Literal["tags", "everything"]) -> None:
        """A purge was requested."""
        self._purges.at(scope)[0] += 1


class StoreCounts:
    """The counts of the store that workers share."""

    def __init__(self, metrics: Metrics) -> None:
        self._operations = metrics.histogram(STORE_OPERATIONS)

    def answer(
        self, operation: StoreOperation, outcome: Literal["ok", "failed"], seconds: float
    ) -> None:
        """The store answered or failed after some time."""
        self._operations.observe(self._operations.at(operation, outcome), seconds)

    def refuse(self, operation: StoreOperation) -> None:
        """The store was not called."""
        self._operations.observe(self._operations.at(operation, "refused"), 0.0)


class ReplyCounts:
    """The counts of shared replies, by operation and the state of the cache."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.counter(REPLY_REQUESTS)

    def count(self, operation: Operation, how: How) -> None:
        """A call asked the cache for its reply."""
        state = _STATES.get(how, how)
        self._requests.at(operation.service, operation.name, state)[0] += 1

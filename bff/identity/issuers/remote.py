"""A document that an issuer publishes, held and kept fresh: its metadata, its key set.

Rules:
1. Fetches run in the background, one at a time. Whoever reads `value` never waits.
2. A document is fetched anew ahead of its age, at a moment that differs from process to process.
3. While the issuer is down the last good document holds for `HOLD_SECONDS` from its fetch, and is
   asked for again and again with growing pauses. Then there is none.
4. Whoever misses something in the document may ask for a newer one. All who ask share one fetch,
   and there is one such fetch in `COOLDOWN_SECONDS`, however many ask, beside those of rule 2.
5. A fetch that fails leaves one line in the log; those that fail after it, for the same reason,
   leave none.

`value` and `may_be_newer` may be read on any thread; the rest belongs to one event loop. `clock`
returns seconds from any start.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

from bff.identity.issuers.requests import IssuerDown

FRESH_SECONDS: Final = 300.0
HOLD_SECONDS: Final = 3600.0
COOLDOWN_SECONDS: Final = 10.0
WAIT_SECONDS: Final = 2.0  # that a caller waits for a fetch
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0

T = TypeVar("T")

_log = logging.getLogger(__name__)


def pause_after(failures: int, jitter: float) -> float:
    """Seconds until the next fetch after so many failures in a row; `jitter` is from 0 to 1."""
    if failures == 0:
        return FRESH_SECONDS * (0.8 + 0.2 * jitter)
    longest = min(_FIRST_PAUSE * 2.0 ** min(failures - 1, 10), _LONGEST_PAUSE)
    return float(longest * (0.5 + 0.5 * jitter))


class RemoteDocument(Generic[T]):
    """One document. `fetch` gets it, given the one before, or raises `IssuerDown`; `on_change` sees
    the value before and the new one, which is None where there is none any more."""

    def __init__(
        self,
        name: str,
        fetch: Callable[[T | None], Awaitable[T]],
        *,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        on_change: Callable[[T | None, T | None], None] = lambda before, after: None,
    ) -> None:
        self.value: T | None = None
        self._name = name
        self._fetch = fetch
        self._clock = clock
        self._jitter = jitter
        self._on_change = on_change
        self._fetched_at = 0.0
        self._due_at = 0.0
        self._asked_until = 0.0
        self._failures = 0
        self._complaint = ""
        self._task: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Begin what is due, and end what is too old: to be called about every second."""
        now = self._clock()
        if self.value is not None and now >= self._fetched_at + HOLD_SECONDS:
            _log.error("%s: the last good copy has had its hour", self._name)
            self._set(None)
        if now >= self._due_at:
            self._begin()

    def may_be_newer(self) -> bool:
        """Whether `newer` would wait for a fetch: else it gives what there is."""
        return self._task is not None or self._clock() >= self._asked_until

    async def newer(self, wait_seconds: float = WAIT_SECONDS) -> T | None:
        """The document after the fetch that is in flight, or after one for this question where
        rule 4 allows it, but within `wait_seconds`; else what there is."""
        now = self._clock()
        if self._task is None and now >= self._asked_until:
            self._asked_until = now + COOLDOWN_SECONDS
            self._begin()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=wait_seconds)
        return self.value

    async def get(self, wait_seconds: float = WAIT_SECONDS) -> T:
        """The document that there is, else the one that is fetched within `wait_seconds`. Raises
        `IssuerDown`."""
        found = self.value or await self.newer(wait_seconds)
        if found is None:
            raise IssuerDown(f"{self._name} is not to be had")
        return found

    async def close(self) -> None:
        """End a fetch in flight."""
        if (task := self._task) is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _begin(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        self._failures += 1  # until it has succeeded
        try:
            found = await self._fetch(self.value)
        except IssuerDown as error:
            self._complain(str(error))
        else:
            self._failures, self._complaint = 0, ""
            self._fetched_at = self._clock()
            self._set(found)
        finally:
            self._task = None
            self._due_at = self._clock() + pause_after(self._failures, self._jitter())

    def _set(self, value: T | None) -> None:
        before, self.value = self.value, value
        self._on_change(before, value)

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            _log.error("%s: %s", self._name, complaint)

"""Refresh tokens on their way back to the issuer, which nobody waits for.

At most `MOST_REVOCATIONS` are on their way. What comes beyond, and what goes wrong, has a line in
the log; the token ends by itself then. Belongs to one event loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from bff.identity.issuers.requests import IssuerDown
from bff.secret import Secret
from bff.telemetry.logs.repeats import Complaints

MOST_REVOCATIONS: Final = 256

_log = logging.getLogger(__name__)


class Revocations:
    """Gives tokens back by `revoke`, which raises `IssuerDown`."""

    def __init__(self, revoke: Callable[[Secret], Awaitable[None]], complaints: Complaints) -> None:
        self._revoke = revoke
        self._complaints = complaints
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, refresh_token: Secret | None) -> None:
        """Give a token back, where there is one."""
        if refresh_token is None:
            return
        if len(self._tasks) >= MOST_REVOCATIONS:
            self._complain("too many are on their way")
            return
        task = asyncio.get_running_loop().create_task(self._run(refresh_token))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, seconds: float) -> None:
        """Wait so long for those on their way, then give up."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, refresh_token: Secret) -> None:
        try:
            await self._revoke(refresh_token)
        except IssuerDown as error:
            self._complain(f"the issuer {error}")

    def _complain(self, why: str) -> None:
        self._complaints.warning(_log, f"a refresh token was not revoked: {why}")

"""The documents of issuers that a process holds, shared by all that needs them.

Rules:
1. A document is held once, under its name, however many use it: authenticators, sessions, and two
   releases of a project during a reload.
2. The first `use` begins its fetch; the last `leave` ends it and forgets the document.
3. An issuer that is down keeps nobody from opening: what needs its document waits, or answers 503.

Belongs to one event loop.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from bff.identity.issuers.metadata import IssuerMetadata, metadata_url, read_metadata
from bff.identity.issuers.remote import RemoteDocument
from bff.identity.issuers.requests import IssuerClient, Question
from bff.telemetry.metrics.families import Metrics

_LOOK_SECONDS: Final = 1.0

T = TypeVar("T")


class Issuers:
    """Opened once an event loop, and closed on it. `clock` returns seconds from any start."""

    def __init__(
        self,
        client: IssuerClient | None = None,
        *,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.client = client or IssuerClient(metrics=metrics)
        self._clock = clock
        self._jitter = jitter
        self._timer: asyncio.TimerHandle | None = None
        self._documents: dict[str, RemoteDocument[Any]] = {}
        self._users: Counter[str] = Counter()

    def use(
        self,
        name: str,
        fetch: Callable[[T | None], Awaitable[T]],
        on_change: Callable[[T | None, T | None], None] = lambda before, after: None,
    ) -> RemoteDocument[T]:
        """The document of this name, which `fetch` gets where nobody has it yet. Whoever uses it
        leaves it at the end."""
        self._users[name] += 1
        found = self._documents.get(name)
        if found is None:
            found = RemoteDocument(
                name, fetch, clock=self._clock, jitter=self._jitter, on_change=on_change
            )
            self._documents[name] = found
            found.check()
            if self._timer is None:  # a project without issuers has no timer
                self._look_later()
        return found

    def look(self) -> None:
        """Look at what is due. Every second does."""
        for document in self._documents.values():
            document.check()

    async def leave(self, name: str) -> None:
        """Use it no more."""
        self._users[name] -= 1
        if self._users[name] > 0:
            return
        del self._users[name]
        document = self._documents.pop(name, None)
        if document is not None:
            await document.close()

    def use_metadata(self, issuer: str) -> RemoteDocument[IssuerMetadata]:
        """The metadata of an issuer; leave it by `metadata_name`."""

        async def fetch(before: IssuerMetadata | None) -> IssuerMetadata:
            question = Question(issuer, "metadata")
            return read_metadata(issuer, await self.client.get(metadata_url(issuer), question))

        return self.use(metadata_name(issuer), fetch)

    async def close(self) -> None:
        """End every fetch and connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        documents, self._documents = list(self._documents.values()), {}
        self._users.clear()
        for document in documents:
            await document.close()
        await self.client.close()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self.look()
        self._look_later()


def metadata_name(issuer: str) -> str:
    """The name under which an issuer's metadata is held."""
    return f"the metadata of {issuer}"

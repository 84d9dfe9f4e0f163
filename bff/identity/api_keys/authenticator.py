"""Authenticates API keys against a table in memory, which follows the store.

Rules:
1. A request waits for nothing: its key is looked up in the table, by its SHA-256. The look-up may
   take longer for one digest than for another. That says nothing of a key: nobody can choose the
   digest of what he sends, and nobody can compute a key from a digest.
2. The store is looked at every `LOOK_SECONDS`, in every worker: what is revoked is refused within a
   second. No message has to arrive for that.
3. While the store can't be asked, a key of the table holds for `HOLD_SECONDS` from when the store
   last answered; then it is 503. A key that the table lacks may have been added meanwhile: 503.
4. Where the store holds what can't be used, the last good table stays, and the log has an error,
   once for each such content. At the start there is no such table, so the gateway does not start.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NamedTuple

from bff.errors import SettingsError
from bff.identity.api_keys.records import ApiKeyError, KeyRecord, KeySecret, read_table
from bff.identity.api_keys.stores import KeyStore
from bff.identity.api_keys.texts import LENGTH, digest_of, is_whole
from bff.identity.ports import CallerRequest, Claims, Refusal
from bff.redis.store import StoreDown

LOOK_SECONDS: Final = 0.25
FRESH_SECONDS: Final = 1.0  # for so long after an answer, what the table lacks does not exist
HOLD_SECONDS: Final = 60.0

_MISTYPED: Final = Refusal(
    401, "invalid_token", "This is no API key of the gateway, or it is mistyped."
)
_UNKNOWN: Final = Refusal(401, "invalid_token", "The API key is unknown.")
_REVOKED: Final = Refusal(401, "invalid_token", "The API key was revoked.")
_EXPIRED: Final = Refusal(401, "invalid_token", "The API key has expired.")
_UNASKED: Final = Refusal(
    503, "keys_unavailable", "The API key can't be verified now.", ((b"retry-after", b"1"),)
)

_log = logging.getLogger(__name__)


class _Entry(NamedTuple):
    claims: Claims
    is_revoked: bool


_Entries = dict[bytes, _Entry]


class ApiKeys:
    """The keys of a `store`. `clock` gives seconds since the epoch, `monotonic` seconds from any
    start; both on any thread."""

    def __init__(
        self, store: KeyStore, clock: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._entries: _Entries = {}
        self._answered_at = float("-inf")
        self._mark: Any = None
        self._complaint = ""
        self._watch: asyncio.Task[None] | None = None

    def authenticate(self, credential: str, request: CallerRequest) -> Claims | Refusal:
        """See `Authenticator`."""
        if len(credential) != LENGTH or not credential.isascii():
            return _MISTYPED
        entry = self._entries.get(digest_of(credential))
        age = self._monotonic() - self._answered_at
        if entry is None:
            if not is_whole(credential):
                return _MISTYPED
            return _UNKNOWN if age <= FRESH_SECONDS else _UNASKED
        if entry.is_revoked:
            return _REVOKED
        until = entry.claims.until
        if until is not None and self._clock() >= until:
            return _EXPIRED
        return entry.claims if age <= HOLD_SECONDS else _UNASKED

    async def open(self) -> None:
        """See `Authenticator`. Raises `SettingsError` where the store holds what can't be used."""
        self._mark = None
        try:
            await self._read()
        except ApiKeyError as error:
            raise SettingsError(f"identity.api_keys: {error}") from None
        self._watch = asyncio.get_running_loop().create_task(self._look_for_ever())

    async def close(self) -> None:
        """See `Authenticator`."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    async def look(self) -> None:
        """Take what changed in the store."""
        try:
            await self._read()
        except ApiKeyError as error:
            self._answered_at = self._monotonic()
            if str(error) != self._complaint:
                self._complaint = str(error)
                _log.error("API keys: the ones before stay: %s", error)
        else:
            self._complaint = ""

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception:  # a bug in a store must not end the watch
                _log.exception("API keys: the look for changes failed")

    async def _read(self) -> None:
        try:
            found = await self._store.read(self._mark)
        except StoreDown:  # which the store logs
            return
        if found is not None:
            self._mark = found.mark
            # On a thread: a table of 1 MiB takes long to read.
            self._entries = await asyncio.to_thread(_entries_of, found.text, self._store.name)
        self._answered_at = self._monotonic()


def _entries_of(text: bytes | None, where: str) -> _Entries:
    table = read_table(text, where)
    return {
        bytes.fromhex(secret.sha256): _Entry(_claims_of(key, secret), key.revoked is not None)
        for key in table.keys
        for secret in key.secrets
    }


def _claims_of(key: KeyRecord, secret: KeySecret) -> Claims:
    return Claims(
        "api_key",
        key.claims,
        key.id,
        roles=frozenset(key.roles),
        scopes=frozenset(key.scopes),
        until=_seconds(secret.expires),
    )


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()

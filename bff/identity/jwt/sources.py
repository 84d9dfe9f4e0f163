"""Where the keys of issuers come from: a secret of the project's, or a set that the issuer
publishes, held by `bff.identity.issuers`."""

import logging
from typing import Protocol

from bff.identity.issuers.issuers import Issuers, metadata_name
from bff.identity.issuers.remote import RemoteDocument
from bff.identity.issuers.requests import IssuerDown, Question
from bff.identity.jwt.keys import KeySet, end_lost_keys, read_key_set, secret_key
from bff.plan.model.identity import SharedSecret, TokenIssuer

_log = logging.getLogger(__name__)


class KeySource(Protocol):
    """The keys of one issuer. `current` and `may_be_newer` may be asked on any thread; the rest
    belongs to the loop of the gateway."""

    @property
    def current(self) -> KeySet | None:
        """The keys that there are; None where there have been none, or none that are good still."""

    def may_be_newer(self) -> bool:
        """Whether `renew` would wait for a newer set."""

    async def renew(self) -> None:
        """Wait for a newer set, within bounds."""

    async def close(self) -> None:
        """Let go of the keys."""


class SecretSource:
    """A secret of the project's."""

    def __init__(self, keys: KeySet) -> None:
        self.current: KeySet | None = keys

    def may_be_newer(self) -> bool:
        """See `KeySource.may_be_newer`."""
        return False

    async def renew(self) -> None:
        """See `KeySource.renew`."""

    async def close(self) -> None:
        """See `KeySource.close`."""


class PublishedSource:
    """A set that the issuer publishes. Sources of the same set share it, and its keys."""

    def __init__(self, issuer: TokenIssuer, url: str | None, issuers: Issuers) -> None:
        self._issuer = issuer
        self._url = url
        self._issuers = issuers
        self._metadata = None if url is not None else issuers.use_metadata(issuer.issuer)
        where = "where its metadata says" if url is None else url
        self._name = f"the keys of {issuer.issuer} ({where}, {' '.join(issuer.algorithms)})"
        self._document: RemoteDocument[KeySet] = issuers.use(self._name, self._fetch, end_lost_keys)

    @property
    def current(self) -> KeySet | None:
        """See `KeySource.current`."""
        return self._document.value

    def may_be_newer(self) -> bool:
        """See `KeySource.may_be_newer`."""
        return self._document.may_be_newer()

    async def renew(self) -> None:
        """See `KeySource.renew`."""
        await self._document.newer()

    async def close(self) -> None:
        """See `KeySource.close`."""
        await self._issuers.leave(self._name)
        if self._metadata is not None:
            await self._issuers.leave(metadata_name(self._issuer.issuer))

    async def _fetch(self, before: KeySet | None) -> KeySet:
        url = self._url
        if self._metadata is not None:
            url = (await self._metadata.get()).jwks_uri
        if url is None:
            raise IssuerDown("its metadata names no jwks_uri")
        question = Question(self._issuer.issuer, "keys")
        document = await self._issuers.client.get(url, question)
        found = read_key_set(document, self._issuer.algorithms, before)
        if found.skipped and (before is None or found.skipped != before.skipped):
            _log.warning("%s: not used: %s", self._name, "; ".join(found.skipped))
        return found


def open_source(issuer: TokenIssuer, issuers: Issuers) -> KeySource:
    """The source of an issuer's keys. Raises `BadKey` for a secret that is too short."""
    keys = issuer.keys
    if isinstance(keys, SharedSecret):
        return SecretSource(KeySet((secret_key(keys.secret, issuer.algorithms[0]),)))
    return PublishedSource(issuer, keys.url, issuers)

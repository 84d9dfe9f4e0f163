"""Callers: what is known of one, why one is refused, and the ports for what identifies them.

    IdentityProvider   a request → its caller; the project's own is `bff.identity.provider`
    Authenticator      one kind of credential → what it states; the provider has one for each kind

The gateway calls a provider once for each request to an endpoint that asks who calls or depends on
it, and for no other request. Expressions see the `claims` that it returns. The cache separates
callers' payloads by `key`, so two callers whose claims could differ must have two keys.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from bff.secret import Secret

CredentialKind = Literal["token", "api_key", "session"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller.

    `key` separates what callers get: it is the same for the same caller always, differs where
    claims that do not pass with time differ, and is no secret; "" is nobody.
    `subject` is what limits and logs count the caller by, whatever the claims; "" is nobody.
    `claims` are JSON values, which UTF-8 can hold. `roles` and `scopes` are what `access:` judges.
    `kind` is that of the credential; None is nobody, or a provider that names none.
    `token` is the caller's own access token, for services that get it; None where there is none.
    `until` is when this ceases to hold, in seconds since the epoch; None where it has no end.
    """

    key: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    kind: CredentialKind | None = None
    token: Secret | None = None
    until: float | None = None


NOBODY = Identity()


class Refusal(NamedTuple):
    """Why a caller gets nothing: a status (400, 401, 403, 429 or 503), a word for programs, a
    sentence for people that repeats nothing of the credential, and headers of the reply: names in
    lower case."""

    status: int
    reason: str
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


Identified = Identity | Refusal
"""Who calls: `NOBODY` where a request brings no credential, a refusal where it brings a bad one."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Claims:
    """What a credential states, once it is known to be right.

    `claims` are JSON values, as they came. `issuer` and `subject` name the caller: the token's, or
    the key's id; "" where there is none. `roles` and `scopes` are None where the claims have them.
    `until` is when this ceases to hold, in seconds since the epoch.

    An authenticator that remembers a credential returns the same object again, so that what follows
    from the claims is worked out once.
    """

    kind: CredentialKind
    claims: Mapping[str, Any]
    subject: str
    issuer: str = ""
    roles: frozenset[str] | None = None
    scopes: frozenset[str] | None = None
    token: Secret | None = None
    until: float | None = None


class CallerRequest(Protocol):
    """What a provider sees of a request: its line and its headers, never its body."""

    method: str
    raw_path: str
    headers: Any  # pairs of bytes, names in lower case
    single: dict[bytes, bytes]

    def header_values(self, name: str) -> list[str]:
        """Every value of the header called `name` (in lower case), in order."""


class IdentityProvider(Protocol):
    """Identifies callers."""

    headers: tuple[str, ...]  # the headers that it reads, in lower case: replies vary by them

    def identify(self, request: CallerRequest) -> Identified | Awaitable[Identified]:
        """The caller of a request. It is called on event loops and on threads, and never blocks:
        what takes waiting is an awaitable, which belongs to the loop of the gateway."""

    async def open(self) -> None:
        """Begin: called on the gateway's loop before the first request. It raises `SettingsError`
        where the provider can never work; what is down for now is no error."""

    async def close(self) -> None:
        """End what `open` began; it may be opened again."""


class Authenticator(Protocol):
    """Authenticates credentials of one kind."""

    def authenticate(
        self, credential: str, request: CallerRequest
    ) -> Claims | Refusal | Awaitable[Claims | Refusal]:
        """What the credential states, or why it is refused. It is called on event loops and on
        threads, and never blocks: what takes waiting is an awaitable, which belongs to the loop of
        the gateway. The refusal of a bad token is 401 with the reason `invalid_token`."""

    async def open(self) -> None:
        """See `IdentityProvider.open`."""

    async def close(self) -> None:
        """See `IdentityProvider.close`."""


class Anonymous:
    """Identifies nobody."""

    headers: tuple[str, ...] = ()

    def identify(self, request: CallerRequest) -> Identity:
        """Nobody."""
        return NOBODY

    async def open(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""

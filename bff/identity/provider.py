"""The project's own provider: a request's credential → its caller.

Rules:
1. One credential a request. Two of the kinds that the project reads are refused before any of them
   is looked at; what the project does not read (`Basic`, a key in a query) is nobody's.
2. The credential goes to its authenticator. What that states is the caller, once the claims are of
   the type that the project declares.
3. What follows from claims is worked out once for as long as their authenticator remembers them.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from bff.errors import EvaluationError
from bff.identity.ports import (
    NOBODY,
    Authenticator,
    CallerRequest,
    Claims,
    Identified,
    Identity,
    IdentityProvider,
    Refusal,
)
from bff.plan.model.expressions import Template
from bff.plan.model.identity import IdentityPlan

# What passes with time, or names the one token.
_PASSING: Final = frozenset(
    {"exp", "iat", "nbf", "jti", "sid", "auth_time", "nonce", "at_hash", "c_hash"}
)
_TWO_CREDENTIALS: Final = Refusal(
    400, "invalid_request", "The request brings more than one credential."
)
_ANOTHER_TOKEN: Final = re.compile(rb",[ \t]*bearer[ \t]", re.IGNORECASE)
_OTHER_CLAIMS: Final = Refusal(
    401, "invalid_token", "The credential lacks a claim, or has another kind of value in one."
)


class CredentialReader(Protocol):
    """Finds the credential of one kind in a request."""

    @property
    def headers(self) -> tuple[str, ...]:
        """Those that it reads, in lower case."""

    def read(self, request: CallerRequest) -> str | Refusal | None:
        """The credential; None where there is none of the kind, a refusal where there are two."""


class CredentialKindReader(NamedTuple):
    """A kind of credential that the project reads, and what authenticates it."""

    reader: CredentialReader
    authenticator: Authenticator


class BearerToken:
    """`Authorization: Bearer …` (RFC 6750 §2.1). The scheme is read in any case, before one or more
    blanks (RFC 9110 §11.4). Other schemes are somebody else's."""

    headers = ("authorization",)

    def read(self, request: CallerRequest) -> str | Refusal | None:
        """See `CredentialReader`. The token is what follows, be it empty."""
        value = request.single.get(b"authorization")
        if value is None:
            return None
        if len(request.single) != len(request.headers):  # some header has two lines
            values = request.header_values("authorization")
            if len(values) > 1:
                return _TWO_CREDENTIALS
        if b"," in value and _ANOTHER_TOKEN.search(value):  # WSGI servers join several lines
            return _TWO_CREDENTIALS
        scheme, _, token = value.partition(b" ")
        is_bearer = scheme == b"Bearer" or scheme.lower() == b"bearer"
        return token.strip(b" ").decode("latin-1") if is_bearer else None


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """A key that is the whole value of the header `name`, in lower case."""

    name: str

    @property
    def headers(self) -> tuple[str, ...]:
        """See `CredentialReader`."""
        return (self.name,)

    def read(self, request: CallerRequest) -> str | Refusal | None:
        """See `CredentialReader`."""
        if self.name.encode("latin-1") not in request.single:
            return None
        values = request.header_values(self.name)
        # No key has a comma: WSGI servers join the values of several lines by one.
        return values[0] if len(values) == 1 and "," not in values[0] else _TWO_CREDENTIALS


class ConfiguredProvider:
    """Identifies callers as the project declares. Safe between threads."""

    def __init__(self, plan: IdentityPlan, kinds: Sequence[CredentialKindReader]) -> None:
        self.headers = tuple(dict.fromkeys(name for kind in kinds for name in kind.reader.headers))
        self._kinds = tuple(kinds)
        self._plan = plan
        self._known: WeakKeyDictionary[Claims, Identified] = WeakKeyDictionary()

    def identify(self, request: CallerRequest) -> Identified | Awaitable[Identified]:
        """See `IdentityProvider`."""
        found: Authenticator | None = None
        credential = ""
        for reader, authenticator in self._kinds:
            read = reader.read(request)
            if read is None:
                continue
            if found is not None or isinstance(read, Refusal):
                return _TWO_CREDENTIALS
            found, credential = authenticator, read
        if found is None:
            return NOBODY
        claims = found.authenticate(credential, request)
        if isinstance(claims, Claims):
            return self._caller(claims)
        return claims if isinstance(claims, Refusal) else self._later(claims)

    async def open(self) -> None:
        """See `IdentityProvider`."""
        for kind in self._kinds:
            await kind.authenticator.open()

    async def close(self) -> None:
        """See `IdentityProvider`."""
        for kind in self._kinds:
            await kind.authenticator.close()

    async def _later(self, waited: Awaitable[Claims | Refusal]) -> Identified:
        claims = await waited
        return claims if isinstance(claims, Refusal) else self._caller(claims)

    def _caller(self, claims: Claims) -> Identified:
        known = self._known.get(claims)
        if known is None:
            known = self._known[claims] = identity_of(claims, self._plan)
        return known


class TypedProvider:
    """A provider of somebody's own, whose callers have claims of the type that the project
    declares."""

    def __init__(self, provider: IdentityProvider, plan: IdentityPlan) -> None:
        self.headers = provider.headers
        self._provider = provider
        self._plan = plan

    def identify(self, request: CallerRequest) -> Identified | Awaitable[Identified]:
        """See `IdentityProvider`."""
        identified = self._provider.identify(request)
        if isinstance(identified, Identity | Refusal):
            return self._typed(identified)
        return self._typed_later(identified)

    async def open(self) -> None:
        """See `IdentityProvider`."""
        await self._provider.open()

    async def close(self) -> None:
        """See `IdentityProvider`."""
        await self._provider.close()

    async def _typed_later(self, identified: Awaitable[Identified]) -> Identified:
        return self._typed(await identified)

    def _typed(self, caller: Identified) -> Identified:
        if isinstance(caller, Refusal) or not caller.key:
            return caller
        claims = typed_claims(caller.claims, self._plan)
        return claims if isinstance(claims, Refusal) else replace(caller, claims=claims)


def identity_of(claims: Claims, plan: IdentityPlan) -> Identified:
    """The caller whom claims are of."""
    given = claims.claims
    typed = typed_claims(given, plan)
    if isinstance(typed, Refusal):
        return typed
    who = [claims.kind, claims.issuer, claims.subject]
    if claims.token is not None and not given.get("sub"):
        # A service that gets the token may know by it, and by nothing else, whom it is of.
        who.append(claims.token.reveal())
    lasting = {name: value for name, value in given.items() if name not in _PASSING}
    roles, scopes = claims.roles, claims.scopes
    if roles is None:
        roles = _listed(given.get("roles")) if plan.roles is None else _found(plan.roles, typed)
    if scopes is None:
        scopes = _usual_scopes(given) if plan.scopes is None else _found(plan.scopes, typed)
    return Identity(
        key=_digest([*who, lasting, sorted(roles), sorted(scopes)]),
        claims=typed,
        subject=subject_of(claims.kind, claims.issuer, claims.subject),
        roles=roles,
        scopes=scopes,
        kind=claims.kind,
        token=claims.token,
        until=claims.until,
    )


def subject_of(kind: str, issuer: str, subject: str) -> str:
    """What limits and logs count a caller by: `Identity.subject`."""
    return _digest([kind, issuer, subject])


def typed_claims(claims: Mapping[str, Any], plan: IdentityPlan) -> Mapping[str, Any] | Refusal:
    """The claims as the project declares them, or the refusal of others."""
    if plan.claims is None:
        return claims
    try:
        typed: Mapping[str, Any] = plan.claims.to_json(plan.claims.validate_value(dict(claims)))
    except ValueError:
        return _OTHER_CLAIMS
    return typed


def _found(names: Template, claims: Mapping[str, Any]) -> frozenset[str]:
    """The names that an expression finds. Roles and scopes only ever admit, so what is no list of
    texts is none of them."""
    try:
        return _listed(names.evaluate({"claims": claims}))
    except EvaluationError:
        return frozenset()


def _usual_scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """RFC 8693 §4.2: `scope` is a text with blanks; others have `scp`, a list or such a text."""
    scope = claims.get("scope", claims.get("scp"))
    return _listed(scope.split(" ") if isinstance(scope, str) else scope) - {""}


def _listed(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return frozenset()
    return frozenset(value)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

"""Who may ask for an endpoint: the one place where this is decided.

Rules:
1. Every request comes through the endpoint's `Guard`, whatever its host: compositions, routes, and
   lines that the dispatcher remembers.
2. `admit` comes first: it counts limits by address, identifies the caller, once a request, and
   judges roles and scopes. Where nothing depends on the caller, nobody is asked. Who is not
   admitted learns nothing of params.
3. `permit` comes when the params outside of the body are known, before memory is looked up and
   before the body is read: the condition, and all other limits.
4. Either may answer at once, or with an awaitable, which belongs to the gateway's loop. Who is
   not identified within `IDENTIFY_SECONDS` gets 503.
5. What states no access is denied.
6. The cookie of a session that has ended is no wrong credential: when Redis has lost all sessions,
   the browsers of one address do not lock each other out.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final

from bff.errors import EvaluationError
from bff.identity.ports import NOBODY, Identified, Identity, IdentityProvider, Refusal
from bff.identity.sessions.authenticator import NO_SESSION
from bff.plan.model.access import NO_REQUIREMENT, Access, Requirement
from bff.plan.model.limits import Limit
from bff.web.http.refusals import challenge, refused
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.limits import EndpointLimits, FailedCredentials, LimitControl
from bff.web.sessions.forgery import ForgeryGuard

Admission = Identity | Reply
Permission = Reply | None

IDENTIFY_SECONDS: Final = 30.0  # longer than a session's refresh may take
_NO_CREDENTIALS: Final = Refusal(401, "no_credentials", "The request brings no credentials.")
_NO_ACCESS: Final = Refusal(401, "no_access", "The gateway states for nobody that they may ask.")
_WRONG_ROLE: Final = Refusal(403, "wrong_role", "The caller has not the role that this takes.")
_UNKNOWN: Final = Refusal(
    503,
    "identity_unavailable",
    "Who calls could not be found out in time.",
    ((b"retry-after", b"5"),),
)
_NOT_PERMITTED: Final = Refusal(403, "not_permitted", "The caller may not ask for this.")


class AccessControl:
    """Builds the guards of a release's endpoints. `own_origin` is the gateway's as browsers see it,
    None where the project has no browser sessions."""

    def __init__(
        self,
        provider: IdentityProvider,
        limits: LimitControl | None = None,
        own_origin: str | None = None,
    ) -> None:
        self.provider = provider
        self._limits = limits
        self._own_origin = own_origin

    def guard(
        self,
        access: Access,
        limits: Sequence[Limit] = (),
        *,
        depends_on_caller: bool,
        origins: frozenset[str] = frozenset(),
        takes_navigations: bool = False,
    ) -> "Guard":
        """The guard of one endpoint. `depends_on_caller`: its reply differs from caller to caller.
        With a session's cookie, pages of `origins` may open WebSockets and event streams, and where
        it `takes_navigations`, one of the own origin may navigate to it."""
        of_endpoint = None if self._limits is None else self._limits.of(limits)
        asks = access.kind == "authenticated" or (
            access.kind == "public"
            and (depends_on_caller or (of_endpoint is not None and of_endpoint.depends_on_caller))
        )
        provider = self.provider if asks else None
        failed = None if self._limits is None else self._limits.failed
        forgery = None
        if asks and self._own_origin is not None:
            forgery = ForgeryGuard(origins | {self._own_origin}, takes_navigations)
        if of_endpoint is None:
            return Guard(access, provider, failed, forgery)
        return LimitedGuard(access, provider, failed, forgery, of_endpoint)


class Guard:
    """Admits callers to one endpoint. Immutable; safe between threads."""

    __slots__ = (
        "_access",
        "_failed",
        "_forgery",
        "_identify",
        "_insufficient",
        "_is_open",
        "admits_all",
        "judges_params",
    )

    def __init__(
        self,
        access: Access,
        provider: IdentityProvider | None,
        failed: FailedCredentials | None = None,
        forgery: ForgeryGuard | None = None,
    ) -> None:
        self._is_open = access.kind == "public"
        self.admits_all = self._is_open and provider is None
        self.judges_params = access.when is not None
        self._access = access
        self._forgery = forgery
        self._insufficient = _insufficient(access.scopes)
        self._identify = None if provider is None else provider.identify
        self._failed = failed

    def admit(self, request: GatewayRequest) -> Admission | Awaitable[Admission]:
        """The caller, or the problem document for a caller who may not ask."""
        if self._identify is None:
            return NOBODY if self._is_open else refused(request, _NO_ACCESS)
        if self._failed is not None and self._failed.remembers:
            refusal = self._failed.refusal(request)
            if refusal is not None:
                return refusal
        if self._forgery is not None and (forged := self._forgery.refusal(request)):
            return refused(request, forged)
        caller = self._identify(request)
        if isinstance(caller, Identity | Refusal):
            return self._judged(request, caller)
        return self._judged_later(request, caller)

    def permit(
        self, request: GatewayRequest, caller: Identity, params: Mapping[str, Any]
    ) -> Permission | Awaitable[Permission]:
        """None where the caller may ask for what these params say; asked where `judges_params`."""
        return self._judge_params(request, caller, params)

    def _judge_params(
        self, request: GatewayRequest, caller: Identity, params: Mapping[str, Any]
    ) -> Permission:
        when = self._access.when
        if when is None:
            return None
        try:
            is_permitted = when.evaluate({"params": params, "claims": caller.claims}) is True
        except EvaluationError:
            is_permitted = False
        return None if is_permitted else refused(request, _NOT_PERMITTED)

    async def _judged_later(
        self, request: GatewayRequest, identified: Awaitable[Identified]
    ) -> Admission:
        try:
            async with asyncio.timeout(IDENTIFY_SECONDS):
                caller = await identified
        except TimeoutError:
            caller = _UNKNOWN
        admission = self._judged(request, caller)
        return admission if isinstance(admission, Identity | Reply) else await admission

    def _judged(
        self, request: GatewayRequest, caller: Identified
    ) -> Admission | Awaitable[Admission]:
        if isinstance(caller, Refusal):
            refusal = refused(request, caller)
            if caller.status == 401 and caller != NO_SESSION and self._failed is not None:
                return self._failed.count(request, refusal)
            return refusal
        access = self._access
        if access.kind == "public":
            return caller
        if not caller.key:
            return refused(request, _NO_CREDENTIALS)
        request.subject = caller.subject
        if access.roles is not NO_REQUIREMENT and not access.roles.is_met_by(caller.roles):
            return refused(request, _WRONG_ROLE)
        if access.scopes is not NO_REQUIREMENT and not access.scopes.is_met_by(caller.scopes):
            return refused(request, self._insufficient)
        return caller


class LimitedGuard(Guard):
    """The guard of an endpoint with limits."""

    __slots__ = ("_limits",)

    def __init__(
        self,
        access: Access,
        provider: IdentityProvider | None,
        failed: FailedCredentials | None,
        forgery: ForgeryGuard | None,
        limits: EndpointLimits,
    ) -> None:
        super().__init__(access, provider, failed, forgery)
        self._limits = limits
        self.admits_all = False
        self.judges_params |= limits.judges_callers

    def admit(self, request: GatewayRequest) -> Admission | Awaitable[Admission]:
        """See `Guard.admit`; a request that comes too often is refused first."""
        refusal = self._limits.count_address(request)
        if refusal is None:
            return super().admit(request)
        if isinstance(refusal, Reply):
            return refusal
        return self._admit_later(request, refusal)

    def permit(
        self, request: GatewayRequest, caller: Identity, params: Mapping[str, Any]
    ) -> Permission | Awaitable[Permission]:
        """See `Guard.permit`; what the caller may ask for is counted."""
        refusal = self._judge_params(request, caller, params)
        return refusal or self._limits.count_caller(request, caller, params)

    async def _admit_later(
        self, request: GatewayRequest, counted: Awaitable[Permission]
    ) -> Admission:
        refusal = await counted
        if refusal is not None:
            return refusal
        admission = super().admit(request)
        return admission if isinstance(admission, Identity | Reply) else await admission


def _insufficient(scopes: Requirement) -> Refusal:
    wanted = " ".join(dict.fromkeys((*scopes.all, *scopes.any)))
    reason, detail = "insufficient_scope", "The caller lacks a scope that this takes."
    return Refusal(403, reason, detail, (challenge(reason, detail, wanted),))

"""Who may ask for an endpoint: the one place where this is decided.

Rules:
1. Every request comes through the endpoint's `Guard`, whatever its host: compositions, routes, and
   lines that the dispatcher remembers.
2. The guard decides before memory is looked up and before the request's body is read.
3. The guard identifies the caller, once a request. Where nothing depends on the caller, nobody is
   asked.
4. A kind of access without a rule can't be served: `AccessControl` raises when a release is built.
"""

from collections.abc import Callable, Mapping

from bff.identity.ports import NOBODY, Identity, IdentityProvider, Refusal
from bff.plan.model.composition import Access
from bff.web.http.problems import problem
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest

AccessRule = Callable[[Identity], Refusal | None]
"""Decides whether a caller may ask; None admits. Called on event loops and threads: never waits."""

# A rule of None admits everybody without asking who calls. What states nothing is served to
# everybody too, for now.
RULES: Mapping[str | None, AccessRule | None] = {"public": None, None: None}


class AccessControl:
    """Builds the guards of a release's endpoints. `rules` has an entry for each kind of access."""

    def __init__(
        self, provider: IdentityProvider, rules: Mapping[str | None, AccessRule | None] = RULES
    ) -> None:
        self.provider = provider
        self._rules = rules

    def guard(self, access: Access, *, depends_on_caller: bool) -> "Guard":
        """The guard of one endpoint. `depends_on_caller`: its reply differs from caller to caller.
        Raises `KeyError` for a kind of access that has no rule."""
        rule = self._rules[access.kind]
        asks = depends_on_caller or rule is not None
        return Guard(self.provider if asks else None, rule)


class Guard:
    """Admits callers to one endpoint. Immutable; safe between threads."""

    __slots__ = ("_provider", "_rule")

    def __init__(self, provider: IdentityProvider | None, rule: AccessRule | None) -> None:
        self._provider = provider
        self._rule = rule

    def admit(self, request: GatewayRequest) -> Identity | Reply:
        """The caller, or the problem document for a caller who may not ask."""
        if self._provider is None:
            return NOBODY
        caller = self._provider.identify(request)
        if isinstance(caller, Refusal):
            return _refused(request, caller)
        if not isinstance(caller, Identity):
            raise NotImplementedError("no provider waits yet")
        denial = None if self._rule is None else self._rule(caller)
        if denial is None:
            return caller
        return _refused(request, denial)


def _refused(request: GatewayRequest, refusal: Refusal) -> Reply:
    status, reason, detail, headers = refusal
    return problem(request, status, reason, detail, headers=headers)

"""Limits of requests, as endpoints apply them: whom each counts for, and what clients are told.

Rules:
1. What is limited by address counts before credentials are read, and so counts who is refused, too.
   All other limits count who may ask, before memory is looked up and before the body is read.
2. One limit that is used up refuses the request. What the others counted of it at the same time is
   given back, but for sliding windows, which have no way back and are asked last.
3. Who is nobody counts by address; of IPv6, by the /64, which is what one customer has.
4. Failed credentials count by address. Who has used that limit up is not identified at all.
"""

import hashlib
import ipaddress
from collections.abc import Awaitable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, assert_never

from bff.errors import EvaluationError
from bff.identity.ports import Identity
from bff.limits.meters import Meters
from bff.limits.ports import Admitted, Exceeded, Meter, Unavailable, Uncounted, Verdict
from bff.plan.model.limits import Limit
from bff.web.http.problems import problem
from bff.web.http.quotas import Quota, policy_header
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest

Permission = Reply | None

_TYPES: Final = "https://iana.org/assignments/http-problem-types#"
_LONGEST_KEY: Final = 200  # characters; a longer text counts by its digest


class _Counter(NamedTuple):
    """One limit, and what counts for it."""

    limit: Limit
    meter: Meter


_Counted = tuple[_Counter, str]  # with the key that the request counts under


class LimitControl:
    """Builds the limits of a release's endpoints."""

    def __init__(self, meters: Meters, failed_credentials: Limit | None) -> None:
        self._meters = meters
        self.failed = None
        if failed_credentials is not None:
            self.failed = FailedCredentials(failed_credentials, meters.of(failed_credentials))

    def of(self, limits: Sequence[Limit]) -> "EndpointLimits | None":
        """The limits of one endpoint; None where it has none."""
        if not limits:
            return None
        return EndpointLimits([_Counter(limit, self._meters.of(limit)) for limit in limits])


class EndpointLimits:
    """The limits of one endpoint. Immutable; safe between threads."""

    def __init__(self, counters: Sequence[_Counter]) -> None:
        ordered = sorted(counters, key=lambda each: each.limit.counting == "sliding")
        self._policy = policy_header([each.limit for each in counters])
        self._by_address = [each for each in ordered if each.limit.by == "address"]
        self._others = [each for each in ordered if each.limit.by != "address"]

    @property
    def depends_on_caller(self) -> bool:
        """Whether the caller has to be known."""
        return any(_depends_on_caller(each.limit) for each in self._others)

    @property
    def judges_callers(self) -> bool:
        """Whether `count_caller` has anything to count."""
        return bool(self._others)

    def count_address(self, request: GatewayRequest) -> Permission | Awaitable[Permission]:
        """Count the request for its address: None, or the problem document of a refusal."""
        request.quota = Quota(self._policy)
        if not self._by_address:
            return None
        address = address_of(request)
        return _count(request, [(each, address) for each in self._by_address])

    def count_caller(
        self, request: GatewayRequest, caller: Identity, params: Mapping[str, Any]
    ) -> Permission | Awaitable[Permission]:
        """Count the request for all that is not its address."""
        counted: list[_Counted] = []
        for each in self._others:
            key = _key(each.limit, request, caller, params)
            if key is not None:
                counted.append((each, key))
        return _count(request, counted)


class FailedCredentials:
    """Counts wrong credentials by address."""

    def __init__(self, limit: Limit, meter: Meter) -> None:
        self._limit = limit
        self._meter = meter

    @property
    def remembers(self) -> bool:
        """Whether anybody failed lately."""
        return len(self._meter) > 0

    def refusal(self, request: GatewayRequest, names: Sequence[str]) -> Permission:
        """The refusal of whoever is known to have failed too often, and brings credentials again:
        one of the headers that are named."""
        if not any(name.encode() in request.single for name in names):
            return None
        verdict = self._meter.used_up(address_of(request))
        return None if verdict is None else _refused(request, self._limit, verdict)

    def count(self, request: GatewayRequest, refusal: Reply) -> Reply | Awaitable[Reply]:
        """Count a failure: the `refusal`, or another where the limit is used up."""
        verdict = self._meter.take(address_of(request))
        if isinstance(verdict, tuple):
            return self._reply(request, refusal, verdict)
        return self._count_later(request, refusal, verdict)

    async def _count_later(
        self, request: GatewayRequest, refusal: Reply, waiting: Awaitable[Verdict]
    ) -> Reply:
        return self._reply(request, refusal, await waiting)

    def _reply(self, request: GatewayRequest, refusal: Reply, verdict: Verdict) -> Reply:
        if isinstance(verdict, Exceeded):
            return _refused(request, self._limit, verdict)
        return refusal


def address_of(request: GatewayRequest) -> str:
    """What the request's address counts under."""
    return _network(request.client_host)


@lru_cache(maxsize=8192)
def _network(host: str | None) -> str:
    # What is no address (a Unix socket, a test's client) counts as it is.
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return f"a:{host}"
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return f"a:{ipaddress.IPv6Network((address, 64), strict=False)}"
        address = mapped
    return f"a:{address}"


def _key(
    limit: Limit, request: GatewayRequest, caller: Identity, params: Mapping[str, Any]
) -> str | None:
    """What the request counts under; None where it does not count."""
    match limit.by:
        case "identity":
            return f"i:{caller.subject}" if caller.subject else address_of(request)
        case "api_key":
            if caller.kind == "api_key":
                return f"i:{caller.subject}"
            return None if caller.subject else address_of(request)
        case "expression":
            return _evaluated(limit, caller, params) or address_of(request)
        case "address" | "failed_credentials":
            return address_of(request)
        case _:
            assert_never(limit.by)


def _evaluated(limit: Limit, caller: Identity, params: Mapping[str, Any]) -> str | None:
    """The value of the limit's expression as a key; None for what is no text, number or boolean."""
    try:
        value = limit.value({"params": params, "claims": caller.claims})
    except EvaluationError:
        return None
    if value is None or isinstance(value, list | Mapping):
        return None
    text = repr(value)
    return f"e:{text}" if len(text) <= _LONGEST_KEY else f"e:{_digest(text)}"


def _count(
    request: GatewayRequest, counted: Sequence[_Counted]
) -> Permission | Awaitable[Permission]:
    if len(counted) == 1:  # as it mostly is: half a µs less
        only = counted[0]
        verdict = only[0].meter.take(only[1])
        if isinstance(verdict, tuple):
            return _note(request, only, verdict, [])
        return _count_later(request, counted, verdict, [])
    admitted: list[_Counted] = []
    for index, each in enumerate(counted):
        verdict = each[0].meter.take(each[1])
        if not isinstance(verdict, tuple):
            return _count_later(request, counted[index:], verdict, admitted)
        refusal = _note(request, each, verdict, admitted)
        if refusal is not None:
            return refusal
    return None


async def _count_later(
    request: GatewayRequest,
    counted: Sequence[_Counted],
    waiting: Awaitable[Verdict],
    admitted: list[_Counted],
) -> Permission:
    """Go on with the first of those that are left, whose verdict is waited for."""
    refusal = _note(request, counted[0], await waiting, admitted)
    for each in counted[1:]:
        if refusal is not None:
            return refusal
        verdict = each[0].meter.take(each[1])
        if not isinstance(verdict, tuple):
            verdict = await verdict
        refusal = _note(request, each, verdict, admitted)
    return refusal


def _note(
    request: GatewayRequest, counted: _Counted, verdict: Verdict, admitted: list[_Counted]
) -> Permission:
    """Note a verdict; the problem document where it refuses, and what others counted goes back."""
    limit = counted[0].limit
    if isinstance(verdict, Admitted):
        admitted.append(counted)
        if request.quota is not None:
            request.quota.note(limit, verdict.remaining, verdict.seconds)
        return None
    if isinstance(verdict, Uncounted):
        return None
    for counter, key in admitted:
        counter.meter.give_back(key)
    if isinstance(verdict, Exceeded) and request.quota is not None:
        request.quota.note(limit, 0, verdict.seconds)
    return _refused(request, limit, verdict)


def _refused(request: GatewayRequest, limit: Limit, verdict: Exceeded | Unavailable) -> Reply:
    after = ((b"retry-after", b"%d" % verdict.seconds),)
    if isinstance(verdict, Unavailable):
        return problem(
            request, 503, "limits_unavailable", "Requests can't be counted for now.", headers=after,
            members=_members("temporary-reduced-capacity", "Requests can't be counted", limit),
        )  # fmt: skip
    if limit.by == "failed_credentials":
        return problem(
            request, 429, "too_many_failures", "Too many credentials of this address were wrong.",
            headers=after, members=_members("abnormal-usage-detected", "Too many failures", limit),
        )  # fmt: skip
    return problem(
        request, 429, "over_limit", f"The limit by {limit.by} is used up.", headers=after,
        members=_members("quota-exceeded", "The quota is used up", limit),
    )  # fmt: skip


def _members(kind: str, title: str, limit: Limit) -> Mapping[str, Any]:
    """The problem types of draft-ietf-httpapi-ratelimit-headers-11, section 5."""
    return {"type": f"{_TYPES}{kind}", "title": title, "violated-policies": [limit.name]}


def _depends_on_caller(limit: Limit) -> bool:
    return limit.by in ("identity", "api_key") or (
        limit.key is not None and "claims" in limit.key.roots
    )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

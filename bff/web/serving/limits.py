"""Limits of requests, as endpoints apply them: whom each counts for, and the replies to clients.

Rules:
1. What is limited by address counts before credentials are read, and so counts who is refused, too.
   All other limits count who may ask, before memory is looked up and before the body is read.
2. One limit that is used up refuses the request. What the others counted of it at the same time is
   given back, but for sliding windows, which have no way back and are asked last.
3. Who is nobody counts by address; of IPv6, by the /64, which is what one customer has.
4. Failed credentials count by address. Who has used that limit up is not identified by what takes
   work to verify, such as a token. API keys and sessions are long random texts: nobody guesses one,
   and to look one up costs less than to refuse it. So good ones are admitted from any address.
"""

import hashlib
import ipaddress
from collections.abc import Awaitable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, assert_never

from bff.errors import EvaluationError
from bff.identity.ports import Identity
from bff.limits.meters import Meters
from bff.limits.ports import Admitted, Exceeded, Unavailable, Uncounted, Verdict
from bff.plan.model.limits import Limit
from bff.telemetry.metrics.families import Metrics
from bff.web.http.quotas import Quota, policies, remaining_item
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.limit_counters import LimitCounter, counter_of

Permission = Reply | None

_LONGEST_KEY: Final = 200  # characters; a longer text counts by its digest


_Keys = Sequence[str | None]  # that the request counts under; None: it does not count


class LimitControl:
    """Builds the limits of a release's endpoints."""

    def __init__(
        self,
        meters: Meters,
        metrics: Metrics,
        failed_credentials: Limit | None,
        costly_headers: Sequence[str] = (),
    ) -> None:
        self._meters = meters
        self._metrics = metrics
        self.failed = None
        if failed_credentials is not None:
            counter = counter_of(failed_credentials, meters, metrics)
            self.failed = FailedCredentials(counter, costly_headers)

    def of(self, limits: Sequence[Limit]) -> "EndpointLimits | None":
        """The limits of one endpoint; None where it has none."""
        if not limits:
            return None
        return EndpointLimits([counter_of(limit, self._meters, self._metrics) for limit in limits])


class EndpointLimits:
    """The limits of one endpoint. Immutable; safe between threads."""

    def __init__(self, counters: Sequence[LimitCounter]) -> None:
        ordered = sorted(counters, key=lambda each: each.limit.counting == "sliding")
        self._policies = policies(each.limit for each in counters)
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
        request.quota = quota = [self._policies]
        counters = self._by_address
        if not counters:
            return None
        return _count(request, quota, counters, [address_of(request)] * len(counters))

    def count_caller(
        self, request: GatewayRequest, caller: Identity, params: Mapping[str, Any]
    ) -> Permission | Awaitable[Permission]:
        """Count the request for all that is not its address."""
        quota = request.quota = request.quota or [self._policies]
        keys = [_key(each.limit, request, caller, params) for each in self._others]
        return _count(request, quota, self._others, keys)


class FailedCredentials:
    """Counts wrong credentials by address. `costly_headers`, in lower case, bring those that take
    work to verify."""

    def __init__(self, counter: LimitCounter, costly_headers: Sequence[str]) -> None:
        self._costly_headers = [name.encode() for name in costly_headers]
        self._counter = counter
        self._meter = counter.meter

    @property
    def remembers(self) -> bool:
        """Whether anybody failed lately."""
        return len(self._meter) > 0

    def refusal(self, request: GatewayRequest) -> Permission:
        """The refusal of whoever is known to have failed too often, and brings again what takes
        work."""
        if not any(name in request.single for name in self._costly_headers):
            return None
        verdict = self._meter.used_up(address_of(request))
        if verdict is None:
            return None
        self._counter.decisions.note(verdict)
        return self._counter.refusal(request, verdict)

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
        self._counter.decisions.note(verdict)
        if isinstance(verdict, Exceeded):
            return self._counter.refusal(request, verdict)
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
            return f"a:{int(address) >> 64:016x}/64"
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
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 1 and 1.0 are one number
    text = repr(value)
    return f"e:{text}" if len(text) <= _LONGEST_KEY else f"e:{_digest(text)}"


def _count(
    request: GatewayRequest,
    quota: Quota,
    counters: Sequence[LimitCounter],
    keys: _Keys,
    start: int = 0,
) -> Permission | Awaitable[Permission]:
    """Count the request by one counter after the other, from `start` on."""
    for index in range(start, len(counters)):
        key = keys[index]
        if key is None:
            continue
        counter = counters[index]
        verdict = counter.meter.take(key)
        if type(verdict) is Admitted:
            counter.decisions.allowed[0] += 1
            quota.append(remaining_item(counter.limit, verdict[0], verdict[1]))
        elif isinstance(verdict, tuple):
            refusal = _judge(request, quota, counters, keys, index, verdict)
            if refusal is not None:
                return refusal
        else:
            return _count_later(request, quota, counters, keys, index, verdict)
    return None


async def _count_later(
    request: GatewayRequest,
    quota: Quota,
    counters: Sequence[LimitCounter],
    keys: _Keys,
    index: int,
    waiting: Awaitable[Verdict],
) -> Permission:
    """Go on once the verdict at `index` is there."""
    refusal = _judge(request, quota, counters, keys, index, await waiting)
    if refusal is not None:
        return refusal
    rest = _count(request, quota, counters, keys, index + 1)
    return rest if rest is None or isinstance(rest, Reply) else await rest


def _judge(
    request: GatewayRequest,
    quota: Quota,
    counters: Sequence[LimitCounter],
    keys: _Keys,
    index: int,
    verdict: Verdict,
) -> Permission:
    """The problem document where the verdict refuses; what others counted goes back then."""
    limit = counters[index].limit
    counters[index].decisions.note(verdict)
    match verdict:
        case Admitted():
            quota.append(remaining_item(limit, verdict.remaining, verdict.seconds))
            return None
        case Uncounted():
            return None
        case Exceeded():
            quota.append(remaining_item(limit, 0, verdict.seconds))
        case Unavailable():
            pass
        case _:
            assert_never(verdict)
    for before in range(index):
        key = keys[before]
        if key is not None:
            counters[before].meter.give_back(key)
    return counters[index].refusal(request, verdict)


def _depends_on_caller(limit: Limit) -> bool:
    return limit.by in ("identity", "api_key") or (
        limit.key is not None and "claims" in limit.key.roots
    )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

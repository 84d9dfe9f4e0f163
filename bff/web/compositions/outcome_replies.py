"""What a reply says of a run: headers, a failure's problem document, facts for the log.

Only public names get out: `detail` of a failure goes to the log.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from bff.cache.entries import Entry
from bff.cache.results import CacheResult
from bff.engine.values.results import (
    CompositionFailure,
    CompositionPayload,
    CompositionResult,
    Degradation,
)
from bff.plan.model.caching import EVERYTHING
from bff.plan.model.service import CompositionParam
from bff.telemetry.logs.texts import NO_FACTS, Facts
from bff.web.http.problems import problem
from bff.web.http.replies import (
    Account,
    CacheState,
    PayloadOutcome,
    RawHeader,
    Reply,
    proxy_status,
    server_timing,
)
from bff.web.http.requests import GatewayRequest

_STORED: Final = Facts({"bff.stored": True})


def run_headers(request: GatewayRequest, made: CompositionResult) -> list[RawHeader]:
    """`Server-Timing`, and `Proxy-Status` where a step failed."""
    headers = [(b"server-timing", server_timing(made.timings, request.elapsed_ms))]
    failures = made.degraded if isinstance(made, CompositionPayload) else made.failures
    if failures:
        headers.append((b"proxy-status", proxy_status(map(_member, failures))))
    return headers


def degraded_headers(degraded: Iterable[Degradation]) -> list[RawHeader]:
    """`Proxy-Status`, of a payload whose run is over."""
    return [(b"proxy-status", proxy_status(map(_member, degraded)))]


def forwarded(served: CacheResult) -> str:
    """Why something was run, or waited for, and what became of it (RFC 9211 §2.2)."""
    if served.how == "error":
        failed = isinstance(served.outcome, CompositionFailure)
        status = f"; fwd-status={served.outcome.status}" if failed else ""
        return f"stale{status}"
    collapsed = "; collapsed" if served.how == "collapsed" else ""
    return f"miss{collapsed}{'; stored' if served.stored else ''}"


def cache_status(why_forwarded: str, entry: Entry | None, now: float) -> RawHeader:
    """`Cache-Status` (RFC 9211) of what went forward; `now` in seconds since the epoch."""
    ttl = "" if entry is None else f"; ttl={int(entry.seconds_left(now))}"
    detail = '; detail="stale-if-error"' if is_stale(why_forwarded) else ""
    return b"cache-status", f"bff; fwd={why_forwarded}{ttl}{detail}".encode()


def is_stale(why_forwarded: str) -> bool:
    """Whether what was `forwarded` came to nothing, and an older payload stands in."""
    return why_forwarded.startswith("stale")


def failure_reply(
    request: GatewayRequest, failure: CompositionFailure, params: Iterable[CompositionParam]
) -> Reply:
    """The problem document of a composition that has no payload; `params` are those it takes."""
    headers = run_headers(request, failure)
    if failure.retry_after is not None and failure.status in (429, 503):
        headers.append((b"retry-after", failure.retry_after.encode("latin-1", "replace")))
    if failure.challenge is not None:
        headers.append((b"www-authenticate", failure.challenge.encode("ascii")))
    members: dict[str, Any] = dict(failure.members)
    if failure.step is not None:
        members["step"] = failure.step
    if failure.write_states is not None:
        members["steps"] = dict(failure.write_states)
    if failure.refused is not None:
        name, detail = failure.refused
        param = next(each for each in params if each.name == name)
        named = {"name": param.public_name} if param.public_name else {}  # a whole body has none
        members["errors"] = [{**named, "in": param.location, "detail": detail}]
    what = "The response" if failure.step is None else f"The step '{failure.step}'"
    return problem(
        request,
        failure.status,
        failure.reason,
        f"{what} failed: {failure.explanation}.",
        headers=tuple(headers),
        members=members,
    )


@lru_cache(512)
def hit_account(view: str, state: CacheState, flaw: tuple[Degradation, ...] | None) -> Account:
    """What came of a request whose payload was there."""
    return Account(view, state, "degraded" if flaw else "ok", (), flaw or ())


def run_account(
    view: str,
    why_forwarded: str,
    made: CompositionResult | None,
    entry: Entry | None,
) -> Account:
    """What came of a request that was `forwarded`: `made` for it, or by another worker; `entry` is
    what is served where that is stored."""
    state: CacheState = "miss"
    if is_stale(why_forwarded):
        state = "stale_if_error"
    elif "collapsed" in why_forwarded:
        state = "collapsed"
    elif not why_forwarded.startswith("miss"):
        state = "bypass"
    failures: tuple[Degradation, ...] = () if entry is None else entry.flaw or ()
    outcome: PayloadOutcome = "degraded" if failures else "ok"
    if made is None:
        return Account(view, state, outcome, (), failures)
    if isinstance(made, CompositionFailure):
        if entry is None:
            outcome = "refused" if made.status < 500 else "failed"
        return Account(view, state, outcome, made.timings, made.failures)
    if made.degraded and not is_stale(why_forwarded):
        outcome = "degraded"
    ambiguous = tuple(made.ambiguous_matches.items())
    return Account(view, state, outcome, made.timings, made.degraded, ambiguous)


def run_facts(why_forwarded: str, made: CompositionResult | None) -> Mapping[str, Any]:
    """The log's own beside the account: what is to be said of few runs."""
    is_stored = why_forwarded.endswith("; stored")
    if made is None:
        return _STORED if is_stored else NO_FACTS
    facts: dict[str, Any] = {}
    if isinstance(made, CompositionFailure) and made.detail:
        facts["error.message"] = made.detail
    if made.purges is EVERYTHING:
        facts["bff.purged"] = EVERYTHING.value
    if isinstance(made, CompositionPayload) and made.untagged:
        facts["bff.not_stored"] = made.untagged
    if facts:
        return {**_STORED, **facts} if is_stored else facts
    return _STORED if is_stored else NO_FACTS


def _member(failure: Degradation) -> tuple[str, str, str, int | None]:
    return failure.step, failure.reason, failure.proxy_error, failure.received_status

"""The account of a request to a composition, as fields of its line. Pure."""

from functools import lru_cache
from typing import Any, Final, get_args

from bff.engine.values.results import Degradation, StepOutcome
from bff.telemetry.logs.texts import Facts, members
from bff.web.http.replies import Account, CacheState, PayloadOutcome

_Steps = tuple[tuple[str, StepOutcome, int], ...]  # name, outcome, calls

_OUTCOMES: Final = get_args(StepOutcome)


def account_text(account: Account, moves: int) -> bytes:
    """The fields as members of a JSON object, each followed by a comma; `moves` are the request's
    failed attempts."""
    plain = _plain(*_plain_parts(account), moves)
    added = _added_fields(account)
    return plain.text + members(added) if added else plain.text


def account_fields(account: Account, moves: int = 0) -> dict[str, Any]:
    """The fields by their names."""
    return {**_plain(*_plain_parts(account), moves), **_added_fields(account)}


def _plain_parts(account: Account) -> tuple[str, CacheState, PayloadOutcome, _Steps]:
    steps = tuple([(each.step, each.outcome, each.calls) for each in account.timings])
    return account.view, account.cache, account.outcome, steps


@lru_cache(512)
def _plain(
    view: str, cache: CacheState, outcome: PayloadOutcome, steps: _Steps, moves: int
) -> Facts:
    fields: dict[str, Any] = {"bff.cache": cache, "bff.outcome": outcome}
    if view:
        fields["bff.view"] = view
    for each in _OUTCOMES:
        names = [step for step, came_to, _ in steps if came_to == each]
        if names:
            fields[f"bff.steps.{each}"] = names
    if steps and cache != "collapsed":  # else the line of the request that began the run has them
        fields["bff.attempts"] = sum(calls for _, _, calls in steps) + moves
    if moves:
        fields["bff.failed_attempts"] = moves
    return Facts(fields)


def _added_fields(account: Account) -> dict[str, Any]:
    """The fields that few requests have."""
    fields: dict[str, Any] = {}
    if account.failures:
        if account.outcome != "ok":  # else what is served is an older payload, which is complete
            name = "bff.degraded" if account.outcome == "degraded" else "bff.failed"
            fields[name] = [f"{each.step}:{each.reason}" for each in account.failures]
        fields["bff.failures"] = [_failure_text(each) for each in account.failures]
    dropped = [(each.step, each.dropped) for each in account.timings if each.dropped is not None]
    if dropped:
        fields["bff.dropped"] = [
            f"{step}: {each.elements}, the first: {each.detail}" for step, each in dropped
        ]
    if account.ambiguous:
        fields["bff.ambiguous"] = [f"{path}: {count}" for path, count in account.ambiguous]
    return fields


def _failure_text(failure: Degradation) -> str:
    status = "" if failure.received_status is None else f" {failure.received_status}"
    detail = f": {failure.detail}" if failure.detail else ""
    return f"{failure.step}: {failure.reason}{status}{detail}"

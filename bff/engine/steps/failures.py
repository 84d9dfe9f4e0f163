"""The consequences of a failed step: for the composition, the client's status, the write states.

Decisions, as tables and pure functions.
"""

import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import assert_never

from bff.engine.values.outcomes import Failed, Outcome, Reason, Skipped
from bff.engine.values.results import Degradation, WriteState
from bff.plan.model.steps import ErrorReply, Fail, Stale, Step

# A frontend can act on these statuses of an upstream; anything else is the gateway's 502.
_KEPT_STATUSES = frozenset({401, 403, 404, 409, 410, 422, 429, 504})

# What these are about is a credential. Where the caller's own was not sent, they are about the
# gateway, and not for the caller: a key that was changed would log everybody out.
OF_CREDENTIALS = frozenset({401, 403})
OF_OWN_CREDENTIALS = OF_CREDENTIALS | {429}
_WAIT = "1"  # seconds, where a service that wants fewer requests doesn't say
_LONGEST_CHALLENGE = 1024  # characters


def takes_composition_down(step: Step, failed: Failed) -> bool:
    """Whether no payload can be made: the step is required, or `statuses` declares a failure."""
    if failed.stand_in is not None:
        return False
    return isinstance(step.on_failure, Fail | Stale) or ends_by_status(step, failed)


def ends_by_status(step: Step, failed: Failed) -> bool:
    """Whether `statuses` declares that the failure ends the composition, whatever stands in for the
    step otherwise."""
    return step.statuses.get(failed.judged_status or 0, "null") != "null"


def may_pass(failed: Failed) -> bool:
    """Whether the failure is trouble of its service, so that an earlier value is better than none.
    A 404 is an answer, and so is a caller who was refused before the call."""
    status = failed.judged_status
    if status is None:
        return failed.credential != "caller"
    return is_trouble(status) or refuses_gateway(failed)


def is_trouble(status: int) -> bool:
    """Whether a status means trouble that may pass (RFC 5861 §4, and too many requests)."""
    return status >= 500 or status == 429


def client_status(step: Step, failed: Failed) -> tuple[int, str | None]:
    """The composition's status when `step` failed it, and the Retry-After to pass on."""
    status = failed.judged_status
    if status is None:
        return status_unjudged(failed), None
    meaning = step.statuses.get(status)
    if isinstance(meaning, ErrorReply):
        is_asked_to_wait = meaning.status in (429, 503)
        return meaning.status, _retry_after(failed.retry_after) if is_asked_to_wait else None
    wait = _retry_after(failed.retry_after) if status in (429, 503) else None
    if refuses_gateway(failed):
        return status_of_refusal(failed)
    if status in _KEPT_STATUSES or (status == 503 and wait is not None):
        return status, wait
    if meaning == "fail" and 400 <= status < 600:
        return status, wait
    return Reason.STATUS.client_status, None


def status_unjudged(failed: Failed) -> int:
    """The client's status of a failure that no service's status decides."""
    if failed.credential == "caller" and failed.reported_status is not None:
        return failed.reported_status
    return failed.reason.client_status


def refuses_gateway(failed: Failed) -> bool:
    """Whether the service refuses the gateway, and not its caller."""
    match failed.credential:
        case "caller":
            return False
        case "gateway":
            return failed.judged_status in OF_OWN_CREDENTIALS
        case "none":
            return failed.judged_status in OF_CREDENTIALS
        case _:
            assert_never(failed.credential)


def status_of_refusal(failed: Failed) -> tuple[int, str | None]:
    """The client's status where a service refuses the gateway, and the Retry-After."""
    if failed.judged_status != 429:
        return 502, None
    return 503, _retry_after(failed.retry_after) or _WAIT


def challenge(failed: Failed, status: int) -> str | None:
    """The `WWW-Authenticate` of a client's 401, where the service sent one for the caller (RFC 9110
    §11.6.1)."""
    text = failed.challenge
    if status != 401 or text is None or len(text) > _LONGEST_CHALLENGE:
        return None
    return text if text.isascii() and text.isprintable() else None


def explain(failed: Failed) -> str:
    """The reason of a failure, as a client may read it."""
    if refuses_gateway(failed):
        return "its service refuses the gateway"
    if failed.reason is Reason.STATUS:
        return f"its service answered {failed.status}"
    if failed.refused is not None:
        return "the param '{}' {}".format(*failed.refused)
    return failed.reason.explanation


def degradation(step: Step, outcome: Outcome) -> Degradation | None:
    """The report of an outcome to the client; None when there is nothing to report."""
    match outcome:
        case Failed(reason, status, _, detail):
            return Degradation(step.name, reason.word, reason.proxy_error, status, detail)
        case Skipped(reason, complete=False):
            # RFC 9209 §2.3.12: answered without asking the next hop.
            return Degradation(step.name, "input_failed", "proxy_internal_response", None, reason)
        case _:
            return None


def write_states(
    steps: Sequence[Step], outcomes: Sequence[Outcome | None], calls: Sequence[int | None]
) -> Mapping[str, WriteState]:
    """The state of each step of a composition that writes, by name.

    `calls` counts the requests that each step sent; None for a step that was not started.
    """
    return {
        step.name: _write_state(step, outcome, sent)
        for step, outcome, sent in zip(steps, outcomes, calls, strict=True)
    }


def _write_state(step: Step, outcome: Outcome | None, calls: int | None) -> WriteState:
    """A step is done where its service answered 2xx, whatever the body, and where it was skipped:
    nothing of it is left to do. Where a failed input skipped it, it is not started. It is unknown
    where a request may have arrived and nothing, or a 5xx, was answered, and where one call among
    several failed: to repeat it could be to do it twice. A 2xx proves nothing where `fail_when`
    looks for failures in it. A step that only reads is never in doubt.
    """
    if calls is None or outcome is None:
        return "not started"
    if isinstance(outcome, Skipped) and not outcome.complete:
        return "not started"
    if not isinstance(outcome, Failed):
        return "done"
    if not step.operation.writes or not outcome.was_sent:
        return "failed"
    status = outcome.status
    if calls > 1 or status is None or status >= 500:
        return "unknown"
    if 200 <= status < 300:
        return "done" if step.operation.fail_when is None else "unknown"
    return "failed"


def _retry_after(text: str | None) -> str | None:
    """A Retry-After that is one (RFC 9110 §10.2.3): seconds, or a date."""
    if text is None or re.fullmatch(r"[0-9]{1,9}", text):
        return text
    if len(text) > 40 or not (text.isascii() and text.isprintable()):
        return None
    try:
        parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter of a year beyond C's integers
        return None
    return text


def is_undeclared_refusal(step: Step, failed: Failed) -> bool:
    """Whether a service refuses the gateway, and the step doesn't declare what that means: somebody
    has to mend it."""
    status = failed.judged_status
    return refuses_gateway(failed) and status in OF_CREDENTIALS and status not in step.statuses

"""The inputs of a run, and its results: a payload, or the failure that is reported to the client.

Values only. `bff.web` makes replies, headers and log lines of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from bff.deadline import Deadline, WaitBudget
from bff.engine.values.freshness import UNLIMITED, Freshness
from bff.engine.values.trace import Trace
from bff.plan.model.caching import PurgedTags
from bff.plan.model.payload import PLAIN, Head
from bff.plan.model.service import Dropped
from bff.secret import Secret

WriteState = Literal["done", "failed", "unknown", "not started"]
StepOutcome = Literal["ok", "skipped", "failed", "cancelled"]


class Caller(Protocol):
    """Who asks, as far as services may learn it. Immutable; `bff.identity` has such values."""

    @property
    def key(self) -> str:
        """What separates callers; "" is nobody."""

    @property
    def claims(self) -> Mapping[str, Any]:
        """What is known of the caller: JSON values."""

    @property
    def token(self) -> Secret | None:
        """The caller's own access token."""


class Inputs(NamedTuple):
    """The inputs of a run. `params` has every declared param by name, parsed. `claims` describe the
    caller, and `identity_key` separates callers; `caller` is there where a service learns who that
    is. `weight` is that of the params where it is much (see `bff.engine.steps.bodies`). Without a
    `deadline` the run has the composition's, from its start on. `wait_budget` bounds the waiting
    for what other workers make. `trace` is the request's, for services."""

    params: Mapping[str, Any]
    claims: Mapping[str, Any] = {}
    identity_key: str = ""
    weight: int = 0
    deadline: Deadline | None = None
    wait_budget: WaitBudget | None = None
    trace: Trace | None = None
    caller: Caller | None = None


@dataclass(frozen=True, slots=True)
class Degradation:
    """A step whose failure degraded the payload, or failed the composition.

    `step` and `reason` are public; `proxy_error` is the RFC 9209 error type, `received_status` the
    upstream's status where it answered; `detail` is for the log alone.
    """

    step: str
    reason: str  # a `Reason`'s word, or "input_failed" for a step skipped because of another
    proxy_error: str
    received_status: int | None = None
    detail: str = ""


class StepTiming(NamedTuple):
    """When a step ran: milliseconds, `started_ms` counted from the start of the run."""

    step: str
    started_ms: float
    duration_ms: float
    calls: int
    outcome: StepOutcome
    dropped: Dropped | None = None  # elements of lists that its value lacks


class CompositionPayload(NamedTuple):
    """A payload. `views` holds those with a form of their own; masks are cut from `body`.

    `degraded` is empty when the payload is complete, and in declared order.
    """

    body: bytes
    views: Mapping[str, bytes]
    degraded: tuple[Degradation, ...]
    timings: tuple[StepTiming, ...]
    ambiguous_matches: Mapping[str, int] = {}  # keys that joins' sources repeat, by the join's path
    freshness: Freshness = UNLIMITED  # of its least fresh part
    tags: frozenset[str] | None = frozenset()  # None: it can't be purged, so it can't be stored
    purges: PurgedTags = ()
    untagged: str = ""  # why `tags` is None
    head: Head = PLAIN  # of its reply


@dataclass(frozen=True, slots=True)
class CompositionFailure:
    """No payload. `step` is the required step that failed, None when the response failed;
    `explanation` is the reason, for people.

    `failures` are all that were known when the run ended, in declared order. `write_states` has
    every step of a composition that writes, by name; None for one that reads.
    """

    status: int
    step: str | None
    reason: str
    explanation: str
    proxy_error: str
    retry_after: str | None
    failures: tuple[Degradation, ...]
    timings: tuple[StepTiming, ...]
    write_states: Mapping[str, WriteState] | None
    detail: str = ""  # for the log alone
    purges: PurgedTags = ()  # of what was written, or may have been
    refused: tuple[str, str] | None = None  # the client's own param that can't be sent, and why
    members: Mapping[str, Any] = field(default_factory=dict)  # declared, of the problem document
    challenge: str | None = None  # the WWW-Authenticate of a 401 that is the caller's


CompositionResult = CompositionPayload | CompositionFailure


class CutRun(NamedTuple):
    """A run that came to no result: nobody waited for it any longer, or a bug ended it. `timings`
    are those of the steps that had begun."""

    by: Literal["cancelled", "bug"]
    timings: tuple[StepTiming, ...]


RunEnd = CompositionResult | CutRun

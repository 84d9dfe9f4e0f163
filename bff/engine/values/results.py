"""What a run of a composition comes to: a payload, or the failure that a client is told of.

Values only; how they become replies, headers and log lines is for `bff.web` to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from bff.deadline import Deadline
from bff.engine.values.freshness import UNLIMITED, Freshness
from bff.engine.values.wait_budget import WaitBudget
from bff.plan.model.caching import PurgedTags

WriteState = Literal["done", "failed", "unknown", "not started"]
StepOutcome = Literal["ok", "skipped", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost. All count weight: see `bff.engine.steps.bodies`."""

    reply_bytes: int = 4 * 1024 * 1024  # of one upstream reply
    payload_bytes: int = 16 * 1024 * 1024  # of the payload, each view, and all that joins repeat
    off_loop_bytes: int = 256 * 1024  # heavier bodies, and what reads them, leave the loop


class Inputs(NamedTuple):
    """What a run is given: every declared param by name, parsed; what is known of the caller, and
    what tells callers apart; what the params weigh where that is much (see
    `bff.engine.steps.bodies`); the request's deadline, where that isn't the composition's, from the
    run's begin on; and how long it may still wait for what is shared."""

    params: Mapping[str, Any]
    claims: Mapping[str, Any] = {}
    identity_key: str = ""
    weight: int = 0
    deadline: Deadline | None = None
    patience: WaitBudget | None = None


@dataclass(frozen=True, slots=True)
class Degradation:
    """A step whose failure was papered over, or which failed the composition.

    `step` and `reason` are public; `proxy_error` is the RFC 9209 error type, `received_status`
    what the upstream answered, if it did; `detail` is for the log alone.
    """

    step: str
    reason: str  # a `Reason`'s word, or "input_failed" for a step skipped because of another
    proxy_error: str
    received_status: int | None = None
    detail: str = ""


class StepTiming(NamedTuple):
    """When a step ran: milliseconds, `started_ms` counted from the run's begin."""

    step: str
    started_ms: float
    duration_ms: float
    calls: int
    outcome: StepOutcome


class Produced(NamedTuple):
    """A payload. `views` holds those with a form of their own; masks are cut from `body`.

    `degraded` is empty when the payload is complete, and in declared order.
    """

    body: bytes
    views: Mapping[str, bytes]
    degraded: tuple[Degradation, ...]
    timings: tuple[StepTiming, ...]
    ambiguous_matches: int = 0  # joins' sources that held a key twice; the first was taken
    freshness: Freshness = UNLIMITED  # of its least fresh part
    tags: frozenset[str] | None = frozenset()  # None: it can't be purged, so it can't be stored
    purges: PurgedTags = ()
    untagged: str = ""  # why `tags` is None


@dataclass(frozen=True, slots=True)
class CompositionFailure:
    """No payload: `step` is the required one that failed, None when the response itself did;
    `said` is why, for people.

    `failures` are all that were known when the run ended, in declared order. `write_states` has
    every step of a composition that writes, by name; None for one that reads.
    """

    status: int
    step: str | None
    reason: str
    said: str
    proxy_error: str
    retry_after: str | None
    failures: tuple[Degradation, ...]
    timings: tuple[StepTiming, ...]
    write_states: Mapping[str, WriteState] | None
    detail: str = ""  # for the log alone
    purges: PurgedTags = ()  # of what was written, or may have been
    refused: tuple[str, str] | None = None  # the client's own param that can't be sent, and why

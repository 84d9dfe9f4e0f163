"""What the engine needs from outside: services that are called by name, and stored replies.

`bff.upstream` calls the services, and knows their addresses;
`bff.cache` stores the replies.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from bff.deadline import Deadline, WaitBudget
from bff.engine.answers import Handle, OnAnswer
from bff.engine.values.freshness import Freshness
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed
from bff.engine.values.results import Caller
from bff.engine.values.trace import Trace
from bff.plan.model.caching import CachePolicy
from bff.plan.model.service import Operation

Headers = Sequence[tuple[bytes, bytes]]  # names in lower case; values as they are on the wire


class HeaderBlock(tuple[tuple[bytes, bytes], ...]):
    """Headers that many calls share, made with a release. A transport may leave the lines that it
    makes of them in `lines`, and read these instead: they are the same for every request."""

    lines: bytes | None = None


# Values that each call makes are `Struct`s, here and in the engine. A named tuple takes three times
# as long to make, and a frozen dataclass seven times. A field is also read in half the time.


class ServiceCall(Struct, frozen=True):
    """One call of a service, whichever instance answers it. `target` is the path below the
    instance's base URL, and the query, percent-encoded. Long bodies are taken from `arriving`
    as they come, so that concurrent calls have a bound together. `reads` declares that the call
    changes nothing, whatever its method. `operation` is what a `step` calls, by its name; a route's
    call, and one for a token, has neither. `caller` is there for services that learn who calls. The
    headers of a `trace` come on top."""

    service: str
    method: str
    target: str
    headers: Headers = ()
    body: bytes | AsyncIterator[bytes] | None = None
    arriving: Budget | None = None
    reads: bool = False
    operation: Operation | None = None
    step: str = ""
    caller: Caller | None = None
    trace: Trace | None = None


class UpstreamReply(Struct, frozen=True):
    """A whole reply: the body as it came, never more than the cap on replies. `to_caller`: the
    request had the caller's own credential, so that a refusal is the caller's."""

    status: int
    headers: Headers
    body: bytes
    to_caller: bool = False

    def header(self, name: bytes) -> str | None:
        """The first value of the header called `name` (in lower case), or None. Each byte of it is
        a character of latin-1, since nobody knows the value's encoding (RFC 9110 §5.5)."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None


class Services(Protocol):
    """Calls services. One per event loop; any number of calls go on at once."""

    def fetch(
        self, call: ServiceCall, timeout_seconds: float, on_answer: OnAnswer[UpstreamReply]
    ) -> Handle:
        """Begin a call, whose answer is the whole reply, whatever its status, within so many
        seconds (connect included)."""


class CallResult(NamedTuple):
    """The result of a call, for everyone who shares it. `body` may be stored: it fits its schema.
    `failed` means that an earlier reply is better than this one. `untagged` is the reason why the
    body has no tags, so that it may not be stored."""

    reply: UpstreamReply | Failed
    body: bytes | None
    tags: frozenset[str]
    freshness: Freshness
    failed: bool
    untagged: str = ""


class CachedReply(NamedTuple):
    """A stored `body`; or the `result` of a call, this caller's or another's; or both, where the
    call failed and the body is an earlier one. `freshness` is the most that a payload made of it
    may have."""

    body: bytes | None
    freshness: Freshness
    result: CallResult | None


SendCall = Callable[[Deadline], Awaitable[CallResult]]


class ReplyCache(Protocol):
    """Stores upstream replies that steps, compositions and callers share. One per event loop."""

    async def get(
        self,
        operation: Operation,
        key: str,
        policy: CachePolicy,
        send: SendCall,
        refresh: SendCall,
        deadline: Deadline,
        wait_budget: WaitBudget,
    ) -> CachedReply:
        """The operation's reply under `key`, or the result of `send`, by the deadline;
        `wait_budget` bounds the waiting for other workers."""

"""What the engine asks of the outside: upstreams called, and their replies kept.

Transports live in `bff.upstream`, the keeper of replies in `bff.cache`; tests script their own.
Every transport keeps these rules:
1. Nothing is added to or taken from the request target and headers but what HTTP's framing needs
   (`Host`, `Content-Length` or `Transfer-Encoding`), and `Accept: */*` and `User-Agent: bff` where
   there is none; redirects are not followed, no cookies are kept, nothing is decoded, proxies and
   netrc of the environment are ignored.
2. Trouble is a returned `Failed`; only cancellation and bugs raise.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from bff.deadline import Deadline
from bff.engine.values.freshness import Freshness
from bff.engine.values.outcomes import Failed
from bff.engine.values.wait_budget import WaitBudget
from bff.plan.model.caching import CachePolicy

Headers = Sequence[tuple[str, str]]  # names in lower case; values as latin-1 text; order kept


# What every call makes several of is a named tuple here and in the engine: a frozen dataclass takes
# three times as long to make.


class UpstreamRequest(NamedTuple):
    """One request to an instance. `url` is absolute, percent-encoded, and goes out as it is.

    A body that is still arriving goes out chunked, unless `content-length` is among the headers.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes | AsyncIterator[bytes] | None = None


class UpstreamReply(NamedTuple):
    """A whole reply: the body as it came, never more than the byte cap asked for."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of the header called `name` (in lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


class UpstreamStream(NamedTuple):
    """A reply whose body is still arriving. Iterating `chunks` raises `BrokenStream` when the
    upstream breaks off before its end."""

    status: int
    headers: Headers
    chunks: AsyncIterator[bytes]

    async def read_all(self) -> bytes:
        """The whole body instead of its chunks; for a reply that is known to be small."""
        return b"".join([chunk async for chunk in self.chunks])


class BrokenStream(Exception):
    """An upstream's body ended before its time; `failure` says how."""

    def __init__(self, failure: Failed) -> None:
        self.failure = failure
        super().__init__(failure.reason.word)


class Transport(Protocol):
    """Sends requests to upstreams. One per event loop; safe for concurrent use on that loop."""

    async def fetch(
        self, request: UpstreamRequest, *, timeout_seconds: float, byte_cap: int
    ) -> UpstreamReply | Failed:
        """Send, and read the whole reply within `timeout_seconds` (connect included).

        A body longer than `byte_cap` is `Failed(TOO_LARGE)`; reading stops there.
        """

    def stream(
        self, request: UpstreamRequest, *, timeout_seconds: float
    ) -> AbstractAsyncContextManager[UpstreamStream | Failed]:
        """Send, and give the reply once its head is there; `timeout_seconds` bounds the wait for
        the head, and each later silence. Leaving the context closes an unfinished exchange."""

    async def close(self) -> None:
        """Close every connection."""


class CallResult(NamedTuple):
    """What a call came to, for all who would have made the same. `body` is what may be kept: it
    fits its schema. `failed` says that an earlier reply is better than this one."""

    reply: UpstreamReply | Failed
    body: bytes | None
    tags: frozenset[str]
    freshness: Freshness
    failed: bool


class CachedReply(NamedTuple):
    """A kept `body`; or what a call `called` came to, one's own or another's; or both, where the
    call failed and the body is what is left. `freshness` is what that leaves a payload."""

    body: bytes | None
    freshness: Freshness
    called: CallResult | None


Call = Callable[[Deadline], Awaitable[CallResult]]


class ReplyCache(Protocol):
    """Keeps upstream replies for steps, compositions and callers to share. One per event loop."""

    async def get(
        self, key: str, policy: CachePolicy, call: Call, deadline: Deadline, patience: WaitBudget
    ) -> CachedReply:
        """The reply under `key`, or what `call` comes to, by the deadline; `patience` bounds the
        waiting for what other workers have."""

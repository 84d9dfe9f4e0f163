"""What goes out: a reply's status, headers and body, and the header texts that replies share.

Nothing here reads a request or a clock. Header names are lower case bytes, as ASGI wants them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self

from xxhash import xxh3_128_hexdigest

from bff.engine.values.results import Degradation, StepTiming
from bff.web.http.quotas import Quota, quota_headers, quota_lines

RawHeader = tuple[bytes, bytes]
CacheState = Literal["hit", "stale", "miss", "collapsed", "stale_if_error", "bypass"]
PayloadOutcome = Literal["ok", "degraded", "refused", "failed"]
BrokenBy = Literal["client left", "upstream broke off", "app broke off", "gateway closed"]

CLIENT_LEFT = 499  # nginx's number for a client that left before it got an answer

JSON = b"application/json"
NOSNIFF: RawHeader = (b"x-content-type-options", b"nosniff")
NO_STORE: RawHeader = (b"cache-control", b"no-store")
# A payload is one caller's unless it is declared public, and browsers ask again with the ETag.
REVALIDATE: RawHeader = (b"cache-control", b"private, no-cache")


class SharedHeaders(tuple[RawHeader, ...]):
    """Headers that many replies share, with their lines on the wire, made once. The length of a
    body is among them, a date is not."""

    lines: bytes

    def __new__(cls, headers: Iterable[RawHeader] = ()) -> Self:
        """Render them."""
        shared = super().__new__(cls, headers)
        shared.lines = header_lines(shared)
        return shared


def header_lines(headers: Iterable[RawHeader]) -> bytes:
    """The headers as they go on the wire."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


NO_HEADERS = SharedHeaders()


class Account(NamedTuple):
    """What came of a request to a composition, for metrics, traces and the log.

    `view` is a name of the project's, "fields" where the client named fields, "" for the whole
    payload. `timings` and `failures` are those of a run that was made for the request. A payload
    out of the cache has the failures that degraded it, and no timings. `ambiguous` counts the keys
    that the sources of joins repeat, by the join's path.
    """

    view: str
    cache: CacheState
    outcome: PayloadOutcome
    timings: tuple[StepTiming, ...] = ()
    failures: tuple[Degradation, ...] = ()
    ambiguous: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class Reply:
    """What a client gets. A body of chunks may raise: then the client's connection must break,
    since the reply is not whole. `facts` go into the request's log line, and nowhere else;
    `account` describes what came of a composition.

    `is_refusal`: the caller may not ask, or asks too often; it has an audit line.
    `headers` are its own, `shared` those that other replies have too. `cors`, `request_id`
    and `quota` are set when the reply is finished. Hosts send `all_headers`, or `lines`.
    """

    status: int
    headers: Sequence[RawHeader]
    body: bytes | AsyncIterator[bytes] = b""
    facts: Mapping[str, Any] = field(default_factory=dict)
    shared: SharedHeaders = NO_HEADERS
    cors: SharedHeaders = NO_HEADERS
    request_id: bytes = b""
    quota: Quota | None = None
    is_refusal: bool = False
    account: Account | None = None

    @property
    def all_headers(self) -> list[RawHeader]:
        """The headers with those that every reply of the gateway has."""
        own = [*self.shared, *self.headers, *self.cors, *quota_headers(self.quota)]
        return [*own, (b"x-request-id", self.request_id)] if self.request_id else own

    def lines(self) -> bytes:
        """All headers of a finished reply, as they go on the wire."""
        return b"%b%b%b%bx-request-id: %b\r\n" % (
            self.shared.lines,
            b"".join([b"%b: %b\r\n" % header for header in self.headers]),
            self.cors.lines,
            quota_lines(self.quota),
            self.request_id,
        )


@dataclass(slots=True, kw_only=True)
class SwitchedReply(Reply):
    """A 101: from now on the connection carries bytes both ways. `transport` is the service's end,
    whose reading is paused; `early` came behind the service's own 101. A host that gets this
    couples both ends; there is none where the request's `can_switch` is False."""

    transport: asyncio.Transport
    early: bytes


def entity_tag(body: bytes) -> bytes:
    """A strong ETag (RFC 9110 §8.8.3): the same bytes give the same tag in every process.

    XXH3, since nobody gains by two payloads of one tag: 15 KB take 2 µs, and 30 with SHA-1.
    """
    return b'"%s"' % xxh3_128_hexdigest(body).encode()


def names_tag(if_none_match: bytes, tag: bytes) -> bool:
    """Whether an If-None-Match header names `tag`, compared weakly (RFC 9110 §13.1.2)."""
    if if_none_match == tag or if_none_match.strip() == b"*":
        return True
    # Our tags hold neither commas nor quotes, so cutting a foreign tag in two can't make one.
    return any(
        candidate.strip().removeprefix(b"W/") == tag for candidate in if_none_match.split(b",")
    )


def structured_string(text: str) -> str:
    """`text` as a String of RFC 8941 §3.3.3; what it can't hold becomes a question mark."""
    printable = "".join(char if " " <= char <= "~" else "?" for char in text)
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'


def proxy_status(failures: Iterable[tuple[str, str, str, int | None]]) -> bytes:
    """`Proxy-Status` (RFC 9209): a member for each failed step, in the steps' order.

    Each failure is (step, reason's word, RFC 9209 error type, status received or None).
    """
    members = []
    for step, word, error, received in failures:
        status = "" if received is None else f"; received-status={received}"
        details = structured_string(f"{step}: {word}")
        members.append(f"bff; error={error}{status}; details={details}")
    return ", ".join(members).encode()


def server_timing(steps: Iterable[StepTiming], total_ms: float) -> bytes:
    """`Server-Timing`: duration, start and outcome of each step, and the total.

    `start` is a param that browsers ignore; with it the waterfall can be drawn.
    """
    metrics = [
        f'{step};dur={duration_ms:.2f};start={started_ms:.2f};desc="{outcome}"'
        if dropped is None
        else f"{step};dur={duration_ms:.2f};start={started_ms:.2f}"
        f';desc="{outcome} ({dropped.elements} dropped)"'
        for step, started_ms, duration_ms, _, outcome, dropped in steps
    ]
    metrics.append(f"total;dur={total_ms:.2f}")
    return ", ".join(metrics).encode()


async def close_body(chunks: AsyncIterator[bytes]) -> None:
    """End a body that nobody reads on, so that its upstream's connection is let go."""
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()

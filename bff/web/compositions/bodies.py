"""Reading a request's body for a composition: of one media type, bounded in size and in time.

Rules:
1. A body of another media type than the composition takes is refused. Pages of other sites can't
   send JSON without a preflight, which `cors` answers.
2. Forms and plain texts they can send, and browsers state the page's `Origin` then. So these are
   refused (403) from a page that is neither of the gateway's own host nor of an origin in `cors`.
"""

import asyncio
from collections.abc import AsyncIterator, Collection

from bff.plan.model.service import BodyFormat
from bff.web.http.problems import problem
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest

BODY_SECONDS = 15
# What reading a body's params costs, in bytes of upstream JSON (see `bff.engine.steps.bodies`): it
# is parsed twice, and its elements are checked one by one (a list of 350,000 took a second).
WEIGHT_PER_BYTE = 5
# What browsers send to other sites without a preflight (Fetch standard §4.8, CORS-safelisted).
_UNASKED = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_DRAIN_BYTES = 4 * 1024 * 1024


class BodyReader:
    """Reads the bodies of requests to one composition, of `most_bytes` at most. `origins` are those
    of `cors`. Safe between threads."""

    def __init__(
        self, body: BodyFormat | None, most_bytes: int, origins: Collection[str] = ()
    ) -> None:
        media_type = "application/json" if body is None else body.media_type
        self._media_type = media_type.partition(";")[0].strip().lower()
        self._comes_unasked = self._media_type in _UNASKED
        self._origins = frozenset(origin.encode() for origin in origins)
        self._most_bytes = most_bytes

    async def read(self, request: GatewayRequest) -> bytes | Reply:
        """The body's bytes, empty where there is none; or the problem with it (403, 408, 413,
        415)."""
        if request.body is None:
            return b""
        refused = self._refuse(request)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                if refused is None:
                    body = await _gather(request.body, self._most_bytes)
                    if body is not None:
                        return body
                    refused = self._too_large(request)
                await _drain(request.body)
                return refused
        except TimeoutError:
            slow = f"The body took over {BODY_SECONDS} seconds."
            return refused or problem(request, 408, "slow_body", slow)

    def _refuse(self, request: GatewayRequest) -> Reply | None:
        """What is wrong with the body already by its headers."""
        media_type, _, _ = request.single.get(b"content-type", b"").partition(b";")
        if media_type.strip().lower().decode("latin-1") != self._media_type:
            return problem(request, 415, "media_type", f"The body must be {self._media_type}.")
        if self._comes_unasked and not self._is_from_known_page(request):
            return problem(
                request, 403, "foreign_origin", "Pages of this origin may not send this body."
            )
        if request.single.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            return problem(request, 415, "content_coding", "The body must not be compressed.")
        declared = request.single.get(b"content-length", b"0")
        if declared.isdigit() and int(declared[:20]) > self._most_bytes:
            return self._too_large(request)
        return None

    def _is_from_known_page(self, request: GatewayRequest) -> bool:
        """Whether no page sent the request, or one of the gateway's own host or of `cors`."""
        origin = request.single.get(b"origin")
        if origin is None or origin in self._origins:
            return True
        host = request.host
        return host is not None and origin.partition(b"://")[2] == host.lower()

    def _too_large(self, request: GatewayRequest) -> Reply:
        return problem(
            request, 413, "body_too_large", f"The body may have {self._most_bytes} bytes."
        )


async def _gather(chunks: AsyncIterator[bytes], most_bytes: int) -> bytes | None:
    """All of it, or None as soon as it is too much."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most_bytes:
            return None
        parts.append(chunk)
    return b"".join(parts)


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read on for a while: a client that is still sending when its connection is closed doesn't
    see the reply with the reason."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > _DRAIN_BYTES:
            return

"""Reading a request's body for a composition: JSON, whole, bounded in size and in time."""

import asyncio
from collections.abc import AsyncIterator

from bff.web.http.problems import problem
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest

BODY_SECONDS = 15
# What reading a body's params costs, in bytes of upstream JSON (see `bff.engine.steps.bodies`): it
# is parsed twice, and its elements are checked one by one (a list of 350,000 took a second).
WEIGHT_PER_BYTE = 5
_DRAIN_BYTES = 4 * 1024 * 1024


async def read_json_body(request: GatewayRequest, most_bytes: int) -> bytes | Reply:
    """The body's bytes, `most_bytes` at most, empty where there is none; or the problem with it
    (408, 413, 415).

    Only `application/json` is taken: a form of another site can't send that without a preflight.
    """
    if request.body is None:
        return b""
    refused = _refuse(request, most_bytes)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            if refused is None:
                body = await _gather(request.body, most_bytes)
                if body is not None:
                    return body
                refused = _too_large(request, most_bytes)
            await _drain(request.body)
            return refused
    except TimeoutError:
        slow = f"The body took over {BODY_SECONDS} seconds."
        return refused or problem(request, 408, "slow_body", slow)


def _refuse(request: GatewayRequest, most_bytes: int) -> Reply | None:
    """What is wrong with the body already by its headers."""
    media_type, _, _ = request.single.get(b"content-type", b"").partition(b";")
    if media_type.strip().lower() != b"application/json":
        return problem(request, 415, "media_type", "The body must be application/json.")
    if request.single.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        return problem(request, 415, "content_coding", "The body must not be compressed.")
    declared = request.single.get(b"content-length", b"0")
    if declared.isdigit() and int(declared[:20]) > most_bytes:
        return _too_large(request, most_bytes)
    return None


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


def _too_large(request: GatewayRequest, most_bytes: int) -> Reply:
    return problem(request, 413, "body_too_large", f"The body may have {most_bytes} bytes.")

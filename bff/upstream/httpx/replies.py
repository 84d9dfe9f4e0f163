"""Replies as httpx gives them, read by the port's rules (`bff.upstream.ports`)."""

from collections.abc import AsyncGenerator
from typing import Final

import httpx

from bff.engine.ports import Headers, UpstreamReply
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.guards import content_length
from bff.upstream.httpx.failures import UpstreamError, failure_of
from bff.upstream.ports import BrokenStream

_SWITCHED: Final = Failed(Reason.PROTOCOL, status=101, detail="switched protocols unasked")
_WANTS_CREDENTIALS: Final = Failed(Reason.PROTOCOL, status=407, detail="407, which is a proxy's")
_CONTRADICTORY: Final = Failed(
    Reason.PROTOCOL,
    detail="a transfer coding beside a length",  # RFC 9112 §6.3, rule 3
)


def fault(response: httpx.Response) -> Failed | None:
    """The reason why a head that httpx takes is refused, or None."""
    if response.status_code == 101:
        return _SWITCHED
    if response.status_code == 407:
        return _WANTS_CREDENTIALS
    if "transfer-encoding" in response.headers and "content-length" in response.headers:
        return _CONTRADICTORY
    return None


async def read_whole(
    response: httpx.Response, byte_cap: int, arriving: Budget | None
) -> UpstreamReply | Failed:
    """The whole reply, within the bounds (`Instance.fetch`)."""
    body = bytearray()
    headers = headers_of(response)
    declared_bytes = content_length(dict(headers).get(b"content-length", b"")) or 0
    async for chunk in byte_stream(response):  # a reply to HEAD declares a body that it lacks
        body += chunk
        if (
            len(body) > byte_cap
            or declared_bytes > byte_cap
            or (arriving is not None and not arriving.take(len(chunk)))
        ):
            return Failed(Reason.TOO_LARGE, status=response.status_code)
    return UpstreamReply(response.status_code, headers, bytes(body))


async def chunks_of(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The pieces of the body. Raises `BrokenStream`."""
    stream = byte_stream(response)
    try:
        async for chunk in stream:
            yield chunk
    except UpstreamError as error:
        raise BrokenStream(failure_of(error, head_came=True)) from error
    finally:
        await stream.aclose()


def headers_of(response: httpx.Response) -> Headers:
    """The headers as they came, their names in lower case."""
    return [(name.lower(), value) for name, value in response.headers.raw]


def byte_stream(response: httpx.Response) -> httpx.AsyncByteStream:
    """What the body comes by."""
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - httpx types it as either
    return stream

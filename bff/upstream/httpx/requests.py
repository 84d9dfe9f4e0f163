"""Requests as httpx takes them. Pure."""

from collections.abc import AsyncIterable
from typing import Final, NamedTuple

import httpx

from bff.engine.ports import Headers
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link
from bff.upstream import guards

_IMPLIED_HEADERS: Final = ((b"accept", b"*/*"), (b"user-agent", b"bff"))
_REWRITTEN: Final = Failed(
    Reason.BAD_INPUT, detail="httpx would write the target otherwise in a tunnel", was_sent=False
)


class UpstreamRequest(NamedTuple):
    """One request to an instance. `url` is absolute, percent-encoded, and goes out as it is."""

    method: str
    url: str
    headers: Headers
    link: Link | None


def refuse(request: UpstreamRequest) -> Failed | None:
    """The reason why this request must not be sent, or None. httpcore gives a target of ours to
    CONNECT as well, so in a tunnel there is httpx's own alone."""
    refused = guards.refuse_url(request.url) or guards.refuse_headers(request.headers)
    if refused is not None:
        return refused
    if _has_tunnel(request) and httpx.URL(request.url).raw_path != _target(request.url):
        return _REWRITTEN
    return None


def render(
    request: UpstreamRequest,
    body: bytes | AsyncIterable[bytes] | None,
    connect_seconds: float,
    seconds: float,
) -> httpx.Request:
    """The request, with the times that it may take; `connect_seconds` of them to connect."""
    given = {name for name, _ in request.headers}
    implied = [pair for pair in _IMPLIED_HEADERS if pair[0] not in given]
    times = {"connect": connect_seconds, "read": seconds, "write": seconds, "pool": seconds}
    rendered = httpx.Request(
        request.method,
        request.url,
        headers=[*request.headers, *implied],
        content=body,
        extensions={"timeout": times},
    )
    if not _has_tunnel(request):
        target = _target(request.url)  # httpx.URL would encode some of it anew
        if _has_proxy(request):
            target = request.url.encode("ascii").removesuffix(target) + target
        rendered.extensions["target"] = target
    rendered.method = request.method  # the constructor puts it in upper case
    return rendered


def _has_proxy(request: UpstreamRequest) -> bool:
    return request.link is not None and request.link.proxy is not None


def _has_tunnel(request: UpstreamRequest) -> bool:
    return _has_proxy(request) and request.url.startswith("https")


def _target(url: str) -> bytes:
    """The URL from its path on, as it stands."""
    start = url.find("/", url.index("://") + 3)
    return url[start:].encode("ascii") if start >= 0 else b"/"

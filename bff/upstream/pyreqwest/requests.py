"""Requests as the library builds them, and the requests that it would change."""

import re
from typing import Final

from pyreqwest.client import Client
from pyreqwest.http import HeaderMap
from pyreqwest.request import RequestBuilder

from bff.engine.ports import Headers
from bff.engine.steps.requests import FIXED_HEADERS
from bff.upstream.guards import has_dot_segment
from bff.upstream.ports import UpstreamRequest
from bff.upstream.uploads import Upload

# The characters that url::Url leaves alone in every part of a URL, and that need no guard.
_UNCHANGED: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&()*+,;=%|]+").fullmatch

# Nearly every call of a composition has these headers: made once, they cost 2 µs less a call.
_FIXED_HEADERS: Final = HeaderMap(FIXED_HEADERS)

_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})


def goes_unchanged(request: UpstreamRequest) -> bool:
    """Whether the library would send exactly this URL and these headers."""
    url = request.url
    if _UNCHANGED(url) is None or has_dot_segment(url.partition("?")[0]):
        return False
    return request.headers is FIXED_HEADERS or _all_unchanged(request.headers)


def _all_unchanged(headers: Headers) -> bool:
    return all(value.isascii() and value == value.strip(" \t") for _, value in headers)


def built(client: Client, request: UpstreamRequest, upload: Upload | None) -> RequestBuilder:
    """The library's form of the request, without a timeout.

    Raises `ValueError` for a method, URL or header that the library refuses.
    """
    builder = client.request(request.method, request.url)
    if request.headers is FIXED_HEADERS:
        builder = builder.headers(_FIXED_HEADERS)
    elif request.headers:
        builder = builder.headers(request.headers)
    if upload is not None:
        return builder.body_stream(upload)
    if request.body:
        assert isinstance(request.body, bytes)  # noqa: S101 - else there were an upload
        return builder.body_bytes(request.body)
    if request.method in _WITH_CONTENT:  # RFC 9110 §8.6: or some servers answer 411
        return builder.header("content-length", "0")
    return builder

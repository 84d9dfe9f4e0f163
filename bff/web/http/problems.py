"""Problem documents (RFC 9457): every error that the gateway itself answers with.

They name steps, params and views by their public names; addresses, tokens, input values and
tracebacks may not get in here.
"""

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from pydantic_core import to_json

from bff.telemetry.logs.texts import Facts
from bff.web.http.replies import (
    NO_HEADERS,
    NO_STORE,
    NOSNIFF,
    RawHeader,
    Reply,
    SharedHeaders,
)
from bff.web.http.requests import GatewayRequest

PROBLEM_JSON = b"application/problem+json"

_NONE: Mapping[str, Any] = {}
_PHRASES = {each.value: each.phrase for each in HTTPStatus}  # a service may send any other number


def problem(
    request: GatewayRequest,
    status: int,
    reason: str,
    detail: str,
    *,
    headers: tuple[RawHeader, ...] = (),
    members: Mapping[str, Any] = _NONE,
) -> Reply:
    """A problem document as a reply.

    `reason` is a word by which programs distinguish problems of one status; `members` are
    further ones: `step`, `errors`, `views`, `steps`, and those of error replies.
    """
    body = to_json(
        {
            "type": "about:blank",
            "title": _PHRASES.get(status, "Error"),
            "status": status,
            "detail": detail,
            "reason": reason,
            **members,
            "request_id": request.request_id.decode(),
        }
    )
    return Reply(
        status,
        [
            (b"content-type", PROBLEM_JSON),
            (b"content-length", str(len(body)).encode()),
            NO_STORE,
            NOSNIFF,
            *headers,
        ],
        body,
        {"error.type": reason, **({"bff.step": members["step"]} if "step" in members else {})},
    )


class FixedProblem:
    """The problem document of a refusal, which many requests get: all but the request's id, and
    when to come again, is rendered once, which takes 1 µs instead of 4. Whoever is refused is the
    one who may ask often. Safe between threads."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        headers: tuple[RawHeader, ...] = (),
        members: Mapping[str, Any] = _NONE,
    ) -> None:
        document = {
            "type": "about:blank",
            "title": _PHRASES.get(status, "Error"),
            "status": status,
            "detail": detail,
            "reason": reason,
            **members,
            "request_id": "",
        }
        self._status = status
        self._begin = to_json(document).removesuffix(b'"}')
        self._headers = ((b"content-type", PROBLEM_JSON), NO_STORE, NOSNIFF, *headers)
        self._facts = Facts({"error.type": reason})
        self._shared: tuple[int, int | None, SharedHeaders] = (0, None, NO_HEADERS)  # of the last

    def reply(self, request: GatewayRequest, retry_after: int | None = None) -> Reply:
        """The document for a request, which may come again in so many seconds."""
        body = b'%b%b"}' % (self._begin, request.request_id)  # JSON escapes nothing of an id
        length, seconds, shared = self._shared
        if length != len(body) or seconds != retry_after:
            later = () if retry_after is None else ((b"retry-after", b"%d" % retry_after),)
            framing = (b"content-length", b"%d" % len(body))
            shared = SharedHeaders([*self._headers, framing, *later])
            self._shared = (len(body), retry_after, shared)
        return Reply(self._status, (), body, self._facts, shared, is_refusal=True)


def fixed_problem(
    request: GatewayRequest,
    status: int,
    reason: str,
    detail: str,
    headers: tuple[RawHeader, ...] = (),
) -> Reply:
    """As `problem`, for one that many requests get."""
    return _fixed_problem(status, reason, detail, headers).reply(request)


_fixed_problem = lru_cache(256)(FixedProblem)


def not_found(request: GatewayRequest) -> Reply:
    """Nothing is served at this path."""
    return problem(request, 404, "no_such_path", "Nothing is served at this path.")


def wrong_method(request: GatewayRequest, allow: tuple[str, ...]) -> Reply:
    """The path is there, the method is not."""
    return problem(
        request,
        405,
        "wrong_method",
        f"This path takes {', '.join(allow)}.",
        headers=((b"allow", ", ".join(allow).encode()),),
    )


def bad_path(request: GatewayRequest) -> Reply:
    """The path's percent-encoding is broken, or it reads in two ways."""
    return problem(
        request,
        400,
        "bad_path",
        "The path must be UTF-8, percent-encoded with two digits, and read in one way.",
    )


def bad_host(request: GatewayRequest) -> Reply:
    """`Host` is missing, comes twice, or is no host's name (RFC 9112 §3.2)."""
    return problem(
        request, 400, "bad_host", "The request must have one Host header, with a host's name."
    )


def slow_body(request: GatewayRequest) -> Reply:
    """The host does not wait for the rest of the body."""
    return problem(request, 408, "slow_body", "The body came too slowly.")


def no_websockets(request: GatewayRequest) -> Reply:
    """The host has no WebSockets: its server, or the way to it, knows HTTP alone."""
    return problem(
        request, 501, "no_websockets", "The gateway opens WebSockets on its own server alone."
    )


def closing(request: GatewayRequest) -> Reply:
    """The process closes the gateway; another one serves, or soon will."""
    return problem(
        request, 503, "closing", "The gateway is closing.", headers=((b"retry-after", b"1"),)
    )


def internal_error(request: GatewayRequest) -> Reply:
    """A bug; the log has the rest, under the same request id."""
    return problem(request, 500, "bug", "The gateway failed. Its log has more under this id.")

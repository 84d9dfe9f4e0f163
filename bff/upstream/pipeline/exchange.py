"""Calls with a token of the caller's for their service, in exchange for the caller's own (RFC
8693).

Rules, beside those of `tokens.py`, which hold for each caller:
1. A token is exchanged once, however many calls wait, and what it was exchanged for is used until
   shortly before its end. What came for one token goes out with no call that has another. Services
   that ask for the same tokens share them.
2. The last `MOST_TOKENS` that were used are remembered, by their digests.
3. The server's refusal of the caller's token is the caller's: 401 where it is not good, 403 where
   it is good for something else. Any other refusal is the gateway's, and logged.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, TypeVar

from msgspec import structs
from pydantic_core import from_json

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.steps.disclosures import token_of
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import TokenRequest
from bff.telemetry.logs.repeats import Complaints
from bff.upstream.pipeline.authorized import authorized
from bff.upstream.pipeline.balance import Way
from bff.upstream.pipeline.disclosure import answer_soon
from bff.upstream.pipeline.tokens import TokenSource, no_token, token_call
from bff.upstream.ports import Instance

T = TypeVar("T")

MOST_TOKENS: Final = 4096  # of one audience; each is 16 KiB at most, and mostly 1

_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  (no password)
_GRANT: Final = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": _ACCESS_TOKEN,
    "requested_token_type": _ACCESS_TOKEN,
}
# RFC 6749 §5.2, RFC 8693 §2.2.2: a token that is not good is `invalid_request`, and some servers
# keep to the words of neighbouring standards.
_CALLERS: Final[Mapping[str, int]] = {
    "invalid_grant": 401,
    "invalid_request": 401,
    "invalid_token": 401,
    "access_denied": 403,
    "invalid_scope": 403,
    "invalid_target": 403,
}


class ExchangedTokens:
    """Exchanges callers' tokens at the authorization `server`; `clock` gives seconds from any
    start. For one event loop."""

    def __init__(
        self,
        service: str,
        request: TokenRequest,
        server: Instance,
        timeout_seconds: float,
        clock: Callable[[], float],
        complaints: Complaints,
    ) -> None:
        self._service = service
        self._request = request
        self._server = server
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._complaints = complaints
        self._sources: OrderedDict[bytes, TokenSource] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def of(self, token: str) -> TokenSource:
        """What gets tokens in exchange for this one."""
        key = sha256(token.encode()).digest()
        source = self._sources.get(key)
        if source is not None:
            self._sources.move_to_end(key)
            return source
        if len(self._sources) >= MOST_TOKENS:
            self._sources.popitem(last=False)
        call = token_call(self._service, self._request, {**_GRANT, "subject_token": token})
        source = TokenSource(
            call,
            self._server,
            self._timeout_seconds,
            self._clock,
            self._complaints,
            judge_refusal,
        )
        self._sources[key] = source
        return source


def exchanged(way: Way[T], tokens: ExchangedTokens) -> Way[T]:
    """The way of calls that have a token in exchange for their caller's."""

    def send(call: ServiceCall, seconds: float, on_answer: OnAnswer[T]) -> Handle:
        token = token_of(call.caller)
        if isinstance(token, Failed):
            return answer_soon(on_answer, token)
        # No block: what it becomes with a token would be remembered for each of the tokens.
        call = structs.replace(call, headers=tuple(call.headers))
        return authorized(way, tokens.of(token))(call, seconds, on_answer)

    return send


def judge_refusal(reply: UpstreamReply) -> Failed:
    """What the server's refusal of an exchange means (rule 3)."""
    error = _error_of(reply)
    status = _CALLERS.get(error)
    if status is None:
        return no_token(f"the token endpoint answered {reply.status}")
    return Failed(
        Reason.CALLER_REFUSED,
        detail=f"the token endpoint answered {error}",
        was_sent=False,
        reported_status=status,
        credential="caller",
        challenge='Bearer error="invalid_token"' if status == 401 else None,
    )


def _error_of(reply: UpstreamReply) -> str:
    """The error that a refusal names; empty for trouble of the server's, and where it names none
    (RFC 6749 §5.2)."""
    if not 400 <= reply.status < 500:
        return ""
    try:
        body = from_json(reply.body, allow_inf_nan=False)
    except ValueError:
        return ""
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, str) else ""
